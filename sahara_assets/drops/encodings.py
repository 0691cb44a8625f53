"""Which encoding a drop's text is in, as far as its bytes prove it, and how it becomes UTF-8.

A byte that means nothing in the drop's encoding stays a byte that is no UTF-8, so that its row is rejected later: nothing is replaced
by a guess.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sahara_assets.drops.packing import Readable

UTF8_BOM = codecs.BOM_UTF8

Utf16 = Literal["utf-16-le", "utf-16-be"]

SINGLE_BYTE = {"windows-1252": "cp1252", "iso-8859-1": "iso8859_1", "iso-8859-15": "iso8859_15"}
"""Our names of the encodings of one byte a letter, with Python's."""

NAMES = {"windows-1252": "Windows-1252", "iso-8859-1": "ISO-8859-1", "iso-8859-15": "ISO-8859-15"}

# ISO 8859 has control characters where Windows-1252 has the euro sign and curly quotes: in a text they are the wrong encoding's traces.
_CONTROLS = {code: 0xDC00 + code for code in range(0x80, 0xA0)}


def utf16_of(start: bytes, encoding: str) -> Utf16 | None:
    r"""Which UTF-16 a drop is in; None where it is another encoding.

    Without a byte order mark, only what cannot be anything else: valid text of whole lines without NUL, at least half of whose letters,
    and of those of its first line, are ASCII.

    Args:
        start: the drop's first bytes, some thousand where it has as many.
        encoding: the setting; `utf-16` trusts the byte order mark and without one is little-endian unless the bytes prove otherwise.

    >>> utf16_of("a,b\n1,2\n".encode("utf-16-be"), "auto")
    'utf-16-be'
    >>> utf16_of(b"a,b\n1,2\n", "auto") is None
    True
    """
    declared: dict[str, Utf16] = {"utf-16-le": "utf-16-le", "utf-16-be": "utf-16-be"}
    if encoding not in {"auto", "utf-16"}:
        return declared.get(encoding)
    marks: dict[bytes, Utf16] = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
    if start[:2] in marks:
        return marks[start[:2]] if start[:4] != codecs.BOM_UTF32_LE else None
    if b"\0" in start:
        for which in declared.values():
            if _is_certain(start, which):
                return which
    return "utf-16-le" if encoding == "utf-16" else None


def _is_certain(start: bytes, encoding: Utf16) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        text = decoder.decode(start)  # a letter that is cut at the end stays in the decoder
    except UnicodeDecodeError:
        return False
    lines = text.splitlines()
    parts = (text, lines[0]) if len(lines) > 1 or text.endswith(("\n", "\r")) else ("",)
    return "\0" not in text and all(part and 2 * sum(map(str.isascii, part)) >= len(part) for part in parts)


def utf16_to_utf8(stream: Readable, encoding: Utf16, chunk_bytes: int, start: bytes = b"") -> Iterator[bytes]:
    """A UTF-16 drop's text as UTF-8, chunk by chunk; half a letter becomes bytes that are no UTF-8.

    Args:
        stream: what is left to read.
        encoding: which.
        chunk_bytes: how much to read at a time.
        start: what was read already.
    """
    decoder = codecs.getincrementaldecoder(encoding)(errors="surrogatepass")
    held = b""
    chunk = start or stream.read(chunk_bytes)
    while chunk:
        block = held + chunk
        # Whole pairs only, and no half of a surrogate pair at the end: the decoder would call it truncated rather than wrong.
        whole = len(block) // 2 * 2
        if whole >= 2 and 0xD8 <= block[whole - 1 if encoding == "utf-16-le" else whole - 2] <= 0xDB:
            whole -= 2
        yield decoder.decode(block[:whole]).encode("utf-8", errors="surrogatepass")
        held = block[whole:]
        chunk = stream.read(chunk_bytes)
    if len(held) >= 2:
        yield decoder.decode(held[:2], final=True).encode("utf-8", errors="surrogatepass")
        held = held[2:]
    if held:
        yield b"\xff"


def single_byte_to_utf8(block: bytes, encoding: str) -> bytes:
    r"""Text of one byte a letter as UTF-8; a byte without meaning stays as it is.

    >>> single_byte_to_utf8(b"caf\xe9 \xa4", "iso-8859-15").decode(), single_byte_to_utf8(b"\x80", "iso-8859-1")
    ('café €', b'\x80')
    """
    if block.isascii():
        return block
    text = block.decode(SINGLE_BYTE[encoding], errors="surrogateescape")
    if encoding != "windows-1252":
        text = text.translate(_CONTROLS)
    return text.encode("utf-8", errors="surrogateescape")


def why_not_text(byte: int, encoding: str) -> str:
    """Why a row holds a byte that is no text in the drop's encoding, and the remedy.

    >>> why_not_text(0x81, "windows-1252")
    'byte 0x81 means nothing in Windows-1252; replace it'
    """
    if encoding == "windows-1252":
        return f"byte 0x{byte:02X} means nothing in Windows-1252; replace it"
    if encoding in SINGLE_BYTE:
        return (
            f"byte 0x{byte:02X} means nothing in {NAMES[encoding]}; "
            'if the file is Windows-1252, set encoding = "windows-1252"'
        )
    if encoding.startswith("utf-16"):
        return "the row holds half a UTF-16 letter; export the file again"
    return f'byte 0x{byte:02X} is not UTF-8; if the file is Windows-1252, set encoding = "windows-1252"'
