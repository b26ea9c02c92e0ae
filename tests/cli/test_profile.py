from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from estate import PAST, fill

from tidewaiter.cli.profile import profile
from tidewaiter.errors import ConfigError, StoreError
from tidewaiter.store import Store


@pytest.fixture
def state(tmp_path: Path) -> Path:
    with Store(tmp_path) as store:
        fill(store, PAST)
    return tmp_path


def run(*arguments: str | Path) -> str:
    return CliRunner().invoke(profile, [str(word) for word in arguments], catch_exceptions=False).output


def test_it_is_told_in_words(state: Path) -> None:
    told = run("shop/web", "--state", state, "--lang", "en")
    assert told.startswith("service account shop/web (kubernetes)\n  history         known: 5 days")


def test_it_is_told_as_json(state: Path) -> None:
    (line,) = run("shop/web", "--state", state, "--format", "json").splitlines()
    told = json.loads(line)
    assert (told["schema"], told["state"], told["days"]) == ("tidewaiter.profile/1", "warm", 5)


def test_an_unknown_actor_is_an_error_with_near_names(state: Path) -> None:
    with pytest.raises(ConfigError) as problem:
        run("shop/wbe", "--state", state)
    assert problem.value.hint == "known: shop/web"


def test_a_state_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        run("shop/web", "--state", tmp_path / "none")
    assert not (tmp_path / "none").exists()
