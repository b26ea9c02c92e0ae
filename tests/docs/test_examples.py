"""What the pages show is what happens: examples are regenerated, commands are run, links lead somewhere."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import pytest
import yaml
from docs.pages import PAGES, ROOT, blocks, name_of, read, script

from tidewaiter.baseline import weigh
from tidewaiter.cli import app
from tidewaiter.cli.rules import run_examples, run_own_examples
from tidewaiter.findings import judge
from tidewaiter.model import Departure
from tidewaiter.sources.catalogue import recognise_format, sources

_EXAMPLES = script("examples")
_RUN = [path for path in PAGES if "<!-- run -->" in read(path)]


def test_examples_are_what_the_program_says() -> None:
    stale = [name_of(path) for path, whole in _EXAMPLES.written().items() if read(path) != whole]
    assert stale == [], "run `make docs`"


def test_the_worked_example_follows_the_formula() -> None:
    """The page spells the formula out; here it is compared with the one that judges."""
    rows, total = _EXAMPLES.steps()
    numbers = {what.partition(":")[0].strip("*"): number for what, _, number in rows}
    nodes: Departure = _EXAMPLES.episode().departures[0]
    assert numbers["bits of reading nodes"] == pytest.approx(weigh.value_bits(nodes))
    assert 2 ** -numbers["bits of reading nodes"] == pytest.approx(numbers["ada herself"])
    assert sum(numbers[name] for name in ("new-kind", "new-network", "refusals")) == pytest.approx(total)


def test_the_numbers_of_the_explanation_are_those_of_the_program() -> None:
    page = read(ROOT / "docs" / "explanation" / "how-it-judges.md")
    rows = re.findall(r"^\| (?:below )?(\d+) \| (\w+) \| \w+ \|$", page, re.MULTILINE)
    below, *steps = [(float(bits), level) for bits, level in rows]
    assert steps == [(float(bits), level) for bits, level in reversed(judge._STEPS) if bits]
    assert below == (steps[0][0], "info")
    shares = {name: f"{share:g}" for name, share in weigh._SHARE.items() if share < 1}
    assert all(f"{name}s {share}" in page for name, share in shares.items())
    assert f"After {weigh.STALE_DAYS} idle days" in page
    assert f"An address on the Internet adds {weigh._PUBLIC_BITS:g} bits" in page
    assert (weigh.LEARNING_DAYS, weigh.PSEUDO_DAYS) == (3, 2), "the page says three days and two days"


@pytest.mark.parametrize("page", _RUN, ids=name_of)
def test_commands_run(page: Path, tmp_path: Path) -> None:
    """Blocks marked `<!-- run -->`, one page in one shell; the log of the tutorial lies there for the other pages."""
    log = _EXAMPLES._TUTORIAL_LOG.search(read(ROOT / "docs" / "tutorial.md"))
    (tmp_path / "audit.log").write_text(log[1], encoding="utf-8")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(blocks(read(page), "sh", marked=True))],
        cwd=tmp_path,
        env={"PATH": path, "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert "F-" in done.stdout


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", read(page)):
        file, _, anchor = target.partition("#")
        if "://" in target:
            continue
        path = (page.parent / file).resolve() if file else page
        if not path.exists() or (anchor and anchor not in _anchors(path)):
            broken.append(target)
    assert broken == []


def _anchors(path: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", read(path), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_page_is_linked(page: Path) -> None:
    """Nobody finds a page that nothing names."""
    linked = {
        (other.parent / target.partition("#")[0]).resolve()
        for other in PAGES
        for target in re.findall(r"\]\(([^)\s]+)\)", read(other))
    }
    assert page == ROOT / "README.md" or page.resolve() in linked


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_options_in_commands_exist(page: Path) -> None:
    """Every --option that a page gives to a command of tidewaiter is one of that command."""
    unknown = [
        (line, option)
        for line in _command_lines(read(page))
        for option in re.findall(r"(?<= )--?[a-zA-Z][a-z-]*", line)
        if option not in _options(line.split())
    ]
    assert unknown == []


def test_commands_of_every_sort_are_looked_at() -> None:
    """The test above finds what it looks for."""
    text = (
        "tidewaiter verdict F-1 benign \\\n  --unti 30d # --y\n`tidewaiter rules list --lang en` tidewaiter reads --a b"
    )
    assert list(_command_lines(text)) == ["verdict F-1 benign    --unti 30d ", "rules list --lang en"]
    takes = {words: "--until" in _options(words.split()) for words in ("verdict F-1 benign", "verdict list", "scan")}
    assert takes == {"verdict F-1 benign": True, "verdict list": False, "scan": True}
    used = {line.split()[0] for page in PAGES for line in _command_lines(read(page))}
    assert set(app.commands) - used == set(), "commands that no page shows"


def _command_lines(text: str) -> Iterator[str]:
    """Give what pages give to tidewaiter, from the command on."""
    names = "|".join(app.commands)
    yield from re.findall(rf"(?<!kubectl )\btidewaiter ((?:{names})\b[^\n`|;#>]*)", text.replace("\\\n", " "))


def _options(words: Sequence[str]) -> set[str]:
    """Give the options of the command that words begin with."""
    command: click.Command = app.commands[words[0]]
    if isinstance(command, click.Group):
        inner = command.commands
        command = inner.get("".join(words[1:2])) or inner.get("decide") or command  # `verdict ID DECISION`
    return {"--help", *(name for option in command.params for name in (*option.opts, *option.secondary_opts))}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_yaml_and_json_are_valid(page: Path) -> None:
    for text in blocks(read(page), "yaml"):
        assert yaml.safe_load(text)
    for text in blocks(read(page), "json"):
        assert json.loads(text)


def test_the_recogniser_of_the_how_to_holds() -> None:
    (text,) = blocks(read(ROOT / "docs" / "how-to" / "write-a-recogniser.md"), "yaml")
    said, status = run_examples([("my-node-list.yml", text)])
    assert (said, status) == ("1 rules, 3 examples: 0 failed", 0)


def test_the_sigma_rule_of_the_how_to_holds(tmp_path: Path) -> None:
    rule, correlation = blocks(read(ROOT / "docs" / "how-to" / "use-your-own-sigma-rules.md"), "yaml")
    (tmp_path / "rule.yml").write_text(rule, encoding="utf-8")
    assert run_own_examples([tmp_path]) == ("1 rules, 2 examples: 0 failed", 0)
    counted = "title: c\nname: container_client\n" + rule.partition("\n")[2]
    (tmp_path / "rule.yml").write_text(f"{counted}---\n{correlation}", encoding="utf-8")
    assert run_own_examples([tmp_path]) == ("2 rules, 2 examples: 0 failed", 0)


def test_the_record_of_the_how_to_is_read() -> None:
    page = read(ROOT / "docs" / "how-to" / "docker-host.md")
    _, record = blocks(page, "json")
    found = recognise_format(record.encode()).source
    assert found is not None
    assert found.name == "socket-proxy"


def test_the_changelog_names_every_source() -> None:
    """New sources and recognisers are what users look for in it."""
    told = read(ROOT / "CHANGELOG.md").partition("### Sources")[2].casefold()
    assert [one.name for one in sources() if one.name.partition("-")[0] not in told] == []


def test_the_rules_for_auditd_are_those_a_scan_advises() -> None:
    page = read(ROOT / "docs" / "how-to" / "auditd-rules.md")
    advice = yaml.safe_load(read(ROOT / "src" / "tidewaiter" / "packs" / "wording" / "commands.yml"))
    for key in ("fix.auditd-no-execve", "fix.auditd-no-connect"):
        assert advice[key].removeprefix("auditctl ") in page
