"""FarmHash Fingerprint64, which FARM_FINGERPRINT returns as a signed 64-bit number; nothing else lives here.

"FARM_FINGERPRINT computes the fingerprint of the STRING or BYTES input using the Fingerprint64 function from the open-source
FarmHash library": Hash functions, https://cloud.google.com/bigquery/docs/reference/standard-sql/hash_functions. Written from the
description of `farmhashna::Hash64`; the tests hold it against published values for every branch of length.
"""

from __future__ import annotations

_MASK = (1 << 64) - 1
_K0 = 0xC3A5C85C97CB3127
_K1 = 0xB492B66FBE98F273
_K2 = 0x9AE16A3B2F90404F


def farm_fingerprint(data: bytes) -> int:
    """The fingerprint as a signed 64-bit integer.

    >>> farm_fingerprint(b"test")
    8581389452482819506
    """
    value = _unsigned(data)
    return value - (1 << 64) if value >> 63 else value


def _unsigned(data: bytes) -> int:
    size = len(data)
    if size <= 16:
        return _to_16(data, size)
    if size <= 32:
        return _to_32(data, size)
    if size <= 64:
        return _to_64(data, size)
    return _longer(data, size)


def _word(data: bytes, start: int, size: int = 8) -> int:
    return int.from_bytes(data[start : start + size], "little")


def _rotate(value: int, by: int) -> int:
    return ((value >> by) | (value << (64 - by))) & _MASK


def _shift_mix(value: int) -> int:
    return value ^ (value >> 47)


def _mixed(one: int, other: int, factor: int) -> int:
    a = ((one ^ other) * factor) & _MASK
    a ^= a >> 47
    b = ((other ^ a) * factor) & _MASK
    b ^= b >> 47
    return (b * factor) & _MASK


def _to_16(data: bytes, size: int) -> int:
    factor = (_K2 + size * 2) & _MASK
    if size >= 8:
        a = (_word(data, 0) + _K2) & _MASK
        b = _word(data, size - 8)
        c = (_rotate(b, 37) * factor + a) & _MASK
        d = ((_rotate(a, 25) + b) * factor) & _MASK
        return _mixed(c, d, factor)
    if size >= 4:
        return _mixed((size + (_word(data, 0, 4) << 3)) & _MASK, _word(data, size - 4, 4), factor)
    if size > 0:
        y = data[0] + (data[size >> 1] << 8)
        z = size + (data[size - 1] << 2)
        return (_shift_mix(((y * _K2) & _MASK) ^ ((z * _K0) & _MASK)) * _K2) & _MASK
    return _K2


def _to_32(data: bytes, size: int) -> int:
    factor = (_K2 + size * 2) & _MASK
    a = (_word(data, 0) * _K1) & _MASK
    b = _word(data, 8)
    c = (_word(data, size - 8) * factor) & _MASK
    d = (_word(data, size - 16) * _K2) & _MASK
    one = (_rotate((a + b) & _MASK, 43) + _rotate(c, 30) + d) & _MASK
    return _mixed(one, (a + _rotate((b + _K2) & _MASK, 18) + c) & _MASK, factor)


def _to_64(data: bytes, size: int) -> int:
    factor = (_K2 + size * 2) & _MASK
    a = (_word(data, 0) * _K2) & _MASK
    b = _word(data, 8)
    c = (_word(data, size - 8) * factor) & _MASK
    d = (_word(data, size - 16) * _K2) & _MASK
    y = (_rotate((a + b) & _MASK, 43) + _rotate(c, 30) + d) & _MASK
    z = _mixed(y, (a + _rotate((b + _K2) & _MASK, 18) + c) & _MASK, factor)
    e = (_word(data, 16) * factor) & _MASK
    f = _word(data, 24)
    g = ((y + _word(data, size - 32)) * factor) & _MASK
    h = ((z + _word(data, size - 24)) * factor) & _MASK
    one = (_rotate((e + f) & _MASK, 43) + _rotate(g, 30) + h) & _MASK
    return _mixed(one, (e + _rotate((f + a) & _MASK, 18) + g) & _MASK, factor)


def _weak(data: bytes, start: int, a: int, b: int) -> tuple[int, int]:
    w, x, y, z = (_word(data, start + place) for place in (0, 8, 16, 24))
    a = (a + w) & _MASK
    b = _rotate((b + a + z) & _MASK, 21)
    kept = a
    a = (a + x + y) & _MASK
    b = (b + _rotate(a, 44)) & _MASK
    return (a + z) & _MASK, (b + kept) & _MASK


def _longer(data: bytes, size: int) -> int:
    x = 81
    y = (81 * _K1 + 113) & _MASK
    z = (_shift_mix((y * _K2 + 113) & _MASK) * _K2) & _MASK
    v = w = (0, 0)
    x = (x * _K2 + _word(data, 0)) & _MASK
    end = ((size - 1) // 64) * 64
    last = end + ((size - 1) & 63) - 63
    for start in range(0, end, 64):
        x = (_rotate((x + y + v[0] + _word(data, start + 8)) & _MASK, 37) * _K1) & _MASK
        y = (_rotate((y + v[1] + _word(data, start + 48)) & _MASK, 42) * _K1) & _MASK
        x ^= w[1]
        y = (y + v[0] + _word(data, start + 40)) & _MASK
        z = (_rotate((z + w[0]) & _MASK, 33) * _K1) & _MASK
        v = _weak(data, start, (v[1] * _K1) & _MASK, (x + w[0]) & _MASK)
        w = _weak(data, start + 32, (z + w[1]) & _MASK, (y + _word(data, start + 16)) & _MASK)
        z, x = x, z
    factor = (_K1 + ((z & 0xFF) << 1)) & _MASK
    w = ((w[0] + ((size - 1) & 63)) & _MASK, w[1])
    v = ((v[0] + w[0]) & _MASK, v[1])
    w = ((w[0] + v[0]) & _MASK, w[1])
    x = (_rotate((x + y + v[0] + _word(data, last + 8)) & _MASK, 37) * factor) & _MASK
    y = (_rotate((y + v[1] + _word(data, last + 48)) & _MASK, 42) * factor) & _MASK
    x ^= (w[1] * 9) & _MASK
    y = (y + v[0] * 9 + _word(data, last + 40)) & _MASK
    z = (_rotate((z + w[0]) & _MASK, 33) * factor) & _MASK
    v = _weak(data, last, (v[1] * factor) & _MASK, (x + w[0]) & _MASK)
    w = _weak(data, last + 32, (z + w[1]) & _MASK, (y + _word(data, last + 16)) & _MASK)
    z, x = x, z
    one = (_mixed(v[0], w[0], factor) + (_shift_mix(y) * _K0) + z) & _MASK
    return _mixed(one, (_mixed(v[1], w[1], factor) + x) & _MASK, factor)
