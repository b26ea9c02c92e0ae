from __future__ import annotations

from hashlib import sha256

import pytest
from disclosure.fakes import PEM, fake
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.disclosure.masking import mask, without

LONG = fake("", 40)


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        ("abc", "… (3)"),
        ("hunter2", "h… (7)"),
        ("correct horse", "cor… (13)"),
        ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "aaaa… (29)"),  # who has the digest would need one try
        (LONG, f"{LONG[:4]}… (40, sha256 {sha256(LONG.encode()).hexdigest()[:8]})"),
        (PEM[0], "-----BEGIN RSA PRIVATE KEY-----…"),
    ],
)
def test_a_mask_shows_little(secret: str, shown: str) -> None:
    assert mask(secret) == shown


def test_a_whole_key_is_shown_by_its_header() -> None:
    key = "\\n".join(PEM)
    digest = sha256(key.encode()).hexdigest()[:8]
    assert mask(key) == f"-----BEGIN RSA PRIVATE KEY-----… ({len(key)}, sha256 {digest})"


@given(st.text(min_size=8))
def test_no_mask_holds_more_than_a_quarter(secret: str) -> None:
    shown = mask(secret)
    assert not shown.startswith(secret[: len(secret) // 4 + 1])


@given(st.text(max_size=30), st.text(min_size=4, max_size=20), st.text(max_size=30))
def test_no_secret_stays_in_another_value(before: str, secret: str, after: str) -> None:
    assert secret not in without(before + secret + after, [secret]).replace("***", "")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("/etc/app/settings.yml", "/etc/app/settings.yml"),
        ("123e4567-e89b-42d3-a456-426614174000", "123e4567-e89b-42d3-a456-426614174000"),
        ("https://hooks.example/aB3dE5fG7hJ9kL1mN3pQ", f"https://hooks.example/{mask('aB3dE5fG7hJ9kL1mN3pQ')}"),
        ("ip-10-0-0-1.EU-west-1.compute.internal", "ip-10-0-0-1.EU-west-1.compute.internal"),
    ],
)
def test_what_may_be_a_secret_is_masked_in_any_value(value: str, shown: str) -> None:
    assert without(value, ()) == shown
