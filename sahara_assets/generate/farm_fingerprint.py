"""FarmHash's 64-bit fingerprint of a text, as BigQuery's `FARM_FINGERPRINT` gives it: what made-up data hang on.

After `Fingerprint64` of FarmHash 1.1 (Geoff Pike and Jyrki Alakuijala, Google, MIT licence), whose values never change
(https://github.com/google/farmhash). Written for made-up data of some thousand ids; no row of a shop's is ever hashed by it.
"""

from __future__ import annotations

_MASK = (1 << 64) - 1
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F
_SEED = 81

Pair = tuple[int, int]


def farm_fingerprint(text: str) -> int:
    """The fingerprint of a text's UTF-8, as a signed number of 64 bits.

    >>> farm_fingerprint("1footrue"), farm_fingerprint("2applefalse"), farm_fingerprint("3true")
    (-1541654101129638711, 2794438866806483259, -4880158226897771312)
    """
    found = fingerprint64(text.encode())
    return found - (1 << 64) if found >> 63 else found


def fingerprint64(data: bytes) -> int:
    """The fingerprint of some bytes, unsigned."""
    size = len(data)
    if size <= 16:
        return _up_to_16(data, size)
    if size <= 32:
        return _up_to_32(data, size)
    if size <= 64:
        return _up_to_64(data, size)
    return _longer(data, size)


def _fetch(data: bytes, at: int, width: int = 8) -> int:
    return int.from_bytes(data[at : at + width], "little")


def _rotate(value: int, by: int) -> int:
    value &= _MASK
    return (value >> by | value << (64 - by)) & _MASK


def _mix(value: int) -> int:
    value &= _MASK
    return value ^ value >> 47


def _pair(one: int, other: int, factor: int) -> int:
    """Two numbers as one."""
    other &= _MASK
    first = _mix((one ^ other) * factor)
    return _mix((other ^ first) * factor) * factor & _MASK


def _up_to_16(data: bytes, size: int) -> int:
    factor = _K2 + size * 2
    if size >= 8:
        first, last = _fetch(data, 0) + _K2, _fetch(data, size - 8)
        return _pair(_rotate(last, 37) * factor + first, (_rotate(first, 25) + last) * factor, factor)
    if size >= 4:
        return _pair(size + (_fetch(data, 0, 4) << 3), _fetch(data, size - 4, 4), factor)
    if size:
        low, high = data[0] + (data[size >> 1] << 8), size + (data[size - 1] << 2)
        return _mix(low * _K2 ^ high * _K0) * _K2 & _MASK
    return _K2


def _quarters(data: bytes, size: int, first_factor: int) -> tuple[int, int, int]:
    """What blocks of 17 to 64 bytes begin with: two numbers, and the first bytes' product."""
    factor = _K2 + size * 2
    a, b = _fetch(data, 0) * first_factor, _fetch(data, 8)
    c, d = _fetch(data, size - 8) * factor, _fetch(data, size - 16) * _K2
    return _rotate(a + b, 43) + _rotate(c, 30) + d, a + _rotate(b + _K2, 18) + c, a


def _up_to_32(data: bytes, size: int) -> int:
    one, other, _ = _quarters(data, size, _K1)
    return _pair(one & _MASK, other, _K2 + size * 2)


def _up_to_64(data: bytes, size: int) -> int:
    factor = _K2 + size * 2
    y, other, a = _quarters(data, size, _K2)
    z = _pair(y & _MASK, other, factor)
    e, f = _fetch(data, 16) * factor, _fetch(data, 24)
    g, h = (y + _fetch(data, size - 32)) * factor, (z + _fetch(data, size - 24)) * factor
    return _pair((_rotate(e + f, 43) + _rotate(g, 30) + h) & _MASK, e + _rotate(f + a, 18) + g, factor)


def _weak(data: bytes, at: int, a: int, b: int) -> Pair:
    """32 bytes and two seeds as two numbers."""
    w, x, y, z = (_fetch(data, at + step) for step in (0, 8, 16, 24))
    a += w
    b = _rotate(b + a + z, 21)
    c = a
    a += x + y
    return (a + z) & _MASK, (b + _rotate(a, 44) + c) & _MASK


def _round(
    data: bytes, at: int, state: tuple[int, int, int, Pair, Pair], factor: int, last: int
) -> tuple[int, int, int, Pair, Pair]:
    """64 bytes more; `last` is 9 for the last of them, else 1."""
    x, y, z, v, w = state
    x = _rotate(x + y + v[0] + _fetch(data, at + 8), 37) * factor
    y = _rotate(y + v[1] + _fetch(data, at + 48), 42) * factor
    x ^= w[1] * last
    y += v[0] * last + _fetch(data, at + 40)
    z = _rotate(z + w[0], 33) * factor
    v = _weak(data, at, v[1] * factor, x + w[0])
    w = _weak(data, at + 32, z + w[1], y + _fetch(data, at + 16))
    return z & _MASK, y & _MASK, x & _MASK, v, w


def _longer(data: bytes, size: int) -> int:
    y = _SEED * _K1 + 113
    state = ((_SEED * _K2 + _fetch(data, 0)) & _MASK, y & _MASK, _mix(y * _K2 + 113) * _K2 & _MASK, (0, 0), (0, 0))
    whole, rest = divmod(size - 1, 64)
    for block in range(whole):
        state = _round(data, block * 64, state, _K1, 1)
    x, y, z, v, w = state
    factor = _K1 + ((z & 0xFF) << 1)
    w_first = w[0] + rest
    v_first = v[0] + w_first
    x, y, z, v, w = _round(data, size - 64, (x, y, z, (v_first, v[1]), (w_first + v_first, w[1])), factor, 9)
    return _pair((_pair(v[0], w[0], factor) + _mix(y) * _K0 + z) & _MASK, _pair(v[1], w[1], factor) + x, factor)
