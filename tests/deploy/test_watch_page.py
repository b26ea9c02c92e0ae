"""What the page about the service says is true of the program: its examples, its addresses, its numbers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.routing import Match, Route

from tidewaiter.delivery import delivery
from tidewaiter.service.http import FORMS
from tidewaiter.service.metrics import Metrics
from tidewaiter.settings import parse
from tidewaiter.wording import Wording

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/watch.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def examples(text: str) -> list[str]:
    return re.findall(r"^```toml\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # of apprise
def test_the_examples_are_configurations(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("mailto://nobody:0123456789abcdef@mail.example\n")
    found = examples(PAGE) + [one for one in examples(README) if "[[tail]]" in one]
    assert len(found) == 4
    for text in found:
        here = text.replace("/var/lib/tidewaiter/", f"{tmp_path}/")
        settings = parse(re.sub(r'file = "[^"]+"', f'file = "{secret}"', here).encode())
        delivery.check(settings.outgoing, {}, Wording("en"))


def test_the_addresses_are_those_of_the_intake() -> None:
    told = re.findall(r"/v1/[a-z/]+(?:NAME)?", PAGE.partition("## Over HTTP")[2].partition("\n\n200 means")[0])
    told = [one for one in told if one != "/v1/"]
    routes = [Route(form.path, print) for form in FORMS]
    unknown = [
        one
        for one in told
        if not any(route.matches({"type": "http", "method": "GET", "path": one})[0] != Match.NONE for route in routes)
    ]
    assert unknown == []
    assert len(told) == len(FORMS)


def test_every_number_is_told_and_there_is_no_other() -> None:
    code = "".join(path.read_text() for path in (ROOT / "src/tidewaiter/service").rglob("*.py"))
    made = re.findall(r'(\w*(?:ounter|auge)\w*)\(\s*"(tidewaiter_\w+)"', code)
    known = {name + ("_total" if "ounter" in how else "") for how, name in made}
    known |= {one.name + ("_total" if one.type == "counter" else "") for one in Metrics().registry.collect()}
    assert set(re.findall(r"tidewaiter_[a-z_]+", PAGE)) == known
