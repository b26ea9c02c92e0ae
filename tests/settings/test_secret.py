from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tidewaiter.errors import ConfigError
from tidewaiter.settings.secret import Secret


def test_it_is_read_from_a_file_without_its_newline(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("a b\n\n", encoding="utf-8")
    assert Secret(file=str(path)).read({}) == "a b\n"


def test_it_is_read_from_the_environment() -> None:
    assert Secret(env="TOKEN").read({"TOKEN": "x"}) == "x"


@pytest.mark.parametrize("secret", [Secret(env="TOKEN"), Secret(file="/nowhere/token")])
def test_a_missing_one_is_said(secret: Secret) -> None:
    with pytest.raises(ConfigError):
        secret.read({"TOKEN": ""})


@pytest.mark.parametrize("given", [{}, {"file": "a", "env": "b"}, {"value": "s3cret"}])
def test_it_is_in_one_place_and_never_in_the_configuration(given: dict[str, str]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(given, Secret)
