"""Which ids may stand in an audience file."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahara_assets.exports.formats import KeyKind
from sahara_assets.exports.keys import PLAIN_CLIENT_ID, PLAIN_USER_ID, LeftOut, refusal
from sahara_assets_tests.exports.made_customers import awkward


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("anna@example.com", LeftOut.EMAIL),
        ("anna@localhost", LeftOut.EMAIL),
        ("anna%40example.com", LeftOut.EMAIL),
        ("anna\uff20example.com", LeftOut.EMAIL),
        ("=anna@example.com\n", LeftOut.EMAIL),
        ("+44 20 7946 0958", LeftOut.PHONE),
        ("+442079460958", LeftOut.PHONE),
        ("(555) 123-4567", LeftOut.PHONE),
        ("555-123-4567", LeftOut.PHONE),
        ("020 7946 0958", LeftOut.PHONE),
        ("030/123456", LeftOut.PHONE),
        ("=1+1", LeftOut.FORMULA),
        ("+1", LeftOut.FORMULA),
        ("-123", LeftOut.FORMULA),
        ("@me", LeftOut.FORMULA),
        ("\uff1d1", LeftOut.FORMULA),
        ("\t=1", LeftOut.CONTROL),
        ("\r1", LeftOut.CONTROL),
        ("1\n2", LeftOut.CONTROL),
        ("1\x00", LeftOut.CONTROL),
        ("\ufeff17850", LeftOut.CONTROL),
        ("1\u20282", LeftOut.CONTROL),
        (" 17850", LeftOut.OUTER_SPACE),
        ("17850\u00a0", LeftOut.OUTER_SPACE),
    ],
)
def test_a_key_that_must_not_be_written_is_refused_with_its_reason(key: str, reason: LeftOut) -> None:
    assert {refusal(key, kind) for kind in KeyKind} == {reason}


@pytest.mark.parametrize(
    "key",
    [
        "17850",
        "00017850",
        "2024-0001-2345",
        "0001-234567",
        "5551234567",
        "12346.0",
        "Müller 7",
        "a,b",
        'say "hi"',
        "O'Brien",
        "9b2f5c1e-6d1b-4b7e-8a51-0d6a3f0f9c11",
        "Zm9v/YmFy+Yg==",
    ],
)
def test_ids_as_shops_make_them_are_written(key: str) -> None:
    assert refusal(key, KeyKind.USER_ID) is None


@pytest.mark.parametrize(
    "key", ["GA1.2.2534169.4418845320", "GA1.1-2.2534169.4418845320", "1856749147915772585", "0085059828173212"]
)
def test_a_whole_cookie_or_a_visitor_id_is_no_client_id(key: str) -> None:
    assert refusal(key, KeyKind.CLIENT_ID) is LeftOut.NOT_A_CLIENT_ID
    assert refusal(key, KeyKind.USER_ID) is None


@pytest.mark.parametrize("key", ["2534169.4418845320", "1.1", "amp-Vb3yR0hbVzJ", "17850"])
def test_a_client_id_is_written(key: str) -> None:
    assert refusal(key, KeyKind.CLIENT_ID) is None


@given(awkward | st.from_regex(PLAIN_USER_ID.rstrip("$") + r"\Z"))
def test_what_is_waved_through_unread_is_what_a_closer_look_lets_pass(key: str) -> None:
    if re.fullmatch(PLAIN_USER_ID.rstrip("$"), key):
        assert refusal(key, KeyKind.USER_ID) is None
    if re.fullmatch(PLAIN_CLIENT_ID.rstrip("$"), key):
        assert refusal(key, KeyKind.CLIENT_ID) is None
