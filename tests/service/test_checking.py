from __future__ import annotations

from pathlib import Path

import pytest

from tidewaiter.errors import ConfigError
from tidewaiter.service.checking import check
from tidewaiter.settings import parse


def test_each_part_that_can_work_is_named(tmp_path: Path) -> None:
    settings = parse(
        f'state = "{tmp_path}"\n[[tail]]\nkind = "file"\npaths = ["{tmp_path}/a.log"]\n'
        f'[[sink]]\ntype = "file"\nname = "out"\npath = "{tmp_path}/out.jsonl"'.encode()
    )
    assert list(check(settings, {})) == [
        "ok: http on 127.0.0.1:1613",
        f"ok: tail {settings.tail[0].title}",
        "ok: sink out",
        f"ok: state in {tmp_path}",
    ]


def test_without_a_sink_it_is_said(tmp_path: Path) -> None:
    said = list(check(parse(f'state = "{tmp_path}"\n[http]\nenabled = false'.encode()), {}))
    assert said == [
        "note: no [[sink]]: findings are kept for `tidewaiter show`, and go nowhere",
        f"ok: state in {tmp_path}",
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('[http]\naddress = "0.0.0.0"', "everybody who reaches"),
        ('[[http.token]]\nname = "a"\nsecret = { env = "NONE" }', "the secret is empty"),
        (
            '[http.tls]\ncertificate = "/nowhere.pem"\nkey = "/nowhere.pem"',
            "the certificate cannot be used",
        ),
    ],
)
def test_what_can_never_work_is_refused(text: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        list(check(parse(text.encode()), {}))
