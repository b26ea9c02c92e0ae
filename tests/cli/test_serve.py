from __future__ import annotations

import logging
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import CliRunner

from tidewaiter.cli import app
from tidewaiter.errors import ConfigError, RuleError
from tidewaiter.settings import Settings, parse

MODULE = import_module("tidewaiter.cli.serve")  # in the package, its name is that of the command


def test_config_prints_a_configuration() -> None:
    done = CliRunner().invoke(app, ["config"])
    assert done.exit_code == 0
    assert parse(done.output.encode()) == Settings()


def written(folder: Path, text: str) -> str:
    path = folder / "tidewaiter.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_check_says_what_can_work_and_begins_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, f'state = "{tmp_path}/state"\n[http]\nenabled = false')
    done = CliRunner().invoke(app, ["serve", "--check", "--config", path], standalone_mode=False)
    assert done.exception is None
    assert f"ok: state in {tmp_path}/state" in done.output
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("text", "kind", "what"),
    [
        ("[http]\nport = 0", ConfigError, "Expected `int` >= 1"),
        ('rules = ["{folder}/rule.yml"]', RuleError, "rule.yml"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path: Path, text: str, kind: type[Exception], what: str) -> None:
    (tmp_path / "rule.yml").write_text("title: no detection\n", encoding="utf-8")
    path = written(tmp_path, text.replace("{folder}", str(tmp_path)))
    done = CliRunner().invoke(app, ["serve", "--check", "--config", path], standalone_mode=False)
    assert isinstance(done.exception, kind)
    assert what in str(done.exception)


def test_what_attackers_wrote_reaches_no_terminal() -> None:
    record = logging.LogRecord("x", logging.ERROR, "", 0, "a\x1b[31mred\nb\x07", (), None)
    assert MODULE._Plain("%(message)s").format(record).split("\n") == [
        MODULE.safe("a\x1b[31mred"),
        MODULE.safe("b\x07"),
    ]
    assert "\x1b" not in MODULE._Plain("%(message)s").format(record)


def test_without_its_libraries_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tidewaiter.service.serve", None)
    path = written(tmp_path, "")
    done = CliRunner().invoke(app, ["serve", "--config", path], standalone_mode=False)
    assert isinstance(done.exception, ConfigError)
    assert done.exception.hint == "pip install 'tidewaiter[service]'"
