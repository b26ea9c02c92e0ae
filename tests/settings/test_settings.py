from __future__ import annotations

from pathlib import Path

import pytest

from tidewaiter.errors import ConfigError
from tidewaiter.settings import Settings, load, parse
from tidewaiter.settings.delivery import FileSink
from tidewaiter.settings.tails import FileTail


def written(folder: Path, text: str) -> Path:
    path = folder / "tidewaiter.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_nothing_configured_is_a_configuration(tmp_path: Path) -> None:
    assert load(written(tmp_path, "")) == Settings()


def test_sections_become_what_the_parts_take() -> None:
    settings = parse(
        b'[[tail]]\nkind = "file"\npaths = ["/var/log/audit/audit.log"]\n[[sink]]\ntype = "file"\nname = "out"\n'
        b'path = "/tmp/out.jsonl"\n[[route]]\nsinks = ["out"]\n[[route]]\nsinks = ["*"]\nlevel = "high"'
    )
    assert [type(tail) for tail in settings.tail] == [FileTail]
    assert [type(sink) for sink in settings.outgoing.sinks] == [FileSink]
    assert [route.sinks for route in settings.outgoing.routes] == [("out",), ("*",)]


@pytest.mark.parametrize(
    ("text", "what", "place"),
    [
        ("stat = 1", "Object contains unknown field `stat`", ""),
        ("[http]\nport = 0", "Expected `int` >= 1", ": http.port"),
        ("[http]\nport = ", "Invalid value (at end of document)", ""),
        ('[[tail]]\nkind = "pipe"', "Invalid value 'pipe'", ": tail[0].kind"),
        ("[retention]\ndays = 1", "days must be more than whole_days", ": retention"),
        ('[[route]]\nsinks = ["out"]', "a route names a sink that is not there: out", ""),
        ("[[http.token]]\nname = 'a'\nsecret = {}", "name either a file or an env", ": http.token[0].secret"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, text: str, what: str, place: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert (caught.value.what, caught.value.where) == (what, f"{path}{place}")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load(tmp_path / "tidewaiter.toml")


@pytest.mark.parametrize("data", [b"\xff", b"x = [" + b"[" * 5000, b"#" * (1 << 21)], ids=["bytes", "deep", "large"])
def test_what_is_no_configuration_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "tidewaiter.toml"
    path.write_bytes(data)
    with pytest.raises(ConfigError):
        load(path)
