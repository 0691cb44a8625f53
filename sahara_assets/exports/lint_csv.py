"""The linter's own reading of one CSV line: RFC 4180 as strictly as our files keep to it.

No field of an audience file may hold a line break, so a line is a record. Neither the writer nor the csv module is asked: the writer
would agree with itself, and the csv module accepts nearly anything.
"""

from __future__ import annotations

import re

_QUOTED = re.compile(r'"(?:[^"]|"")*"')


def key_of(line: bytes) -> bytes:
    """The first field's bytes, as well as they can be told from a line that may be broken."""
    if not line.startswith(b'"'):
        return line.partition(b",")[0]
    fields, _ = fields_of(line.decode("utf-8", "surrogateescape"))
    return fields[0].encode("utf-8", "surrogateescape")


def end_of_first(text: str) -> int:
    """Where the first field of a well-formed line ends."""
    quoted = _QUOTED.match(text)
    return quoted.end() if quoted else text.index(",")


def fields_of(text: str) -> tuple[list[str], str]:
    """The fields of one line, and what is wrong with its quotes, if anything.

    >>> fields_of('17850,"a ""b"", c",Gold')
    (['17850', 'a "b", c', 'Gold'], '')
    """
    fields: list[str] = []
    at = 0
    while True:
        if text.startswith('"', at):
            content = []
            at += 1
            while True:
                end = text.find('"', at)
                if end < 0:
                    return [*fields, text[at:]], "a quote is never closed"
                content.append(text[at:end])
                at = end + 1
                if not text.startswith('"', at):
                    break
                content.append('"')
                at += 1
            value = "".join(content)
            if not re.search('[",\r\n]', value):
                return [*fields, value], "a field is quoted that needs no quotes"
            if at < len(text) and text[at] != ",":
                return [*fields, value], "text follows a closing quote"
        else:
            end = text.find(",", at)
            end = len(text) if end < 0 else end
            value = text[at:end]
            if '"' in value:
                return [*fields, value], "a quote stands inside an unquoted field"
            at = end
        fields.append(value)
        if at >= len(text):
            return fields, ""
        at += 1
