"""Writes the examples inside README and docs: `python docs/examples.py` (or `make docs`).

An example stands between `<!-- NAME:begin -->` and `<!-- NAME:end -->`; tests/docs/test_examples.py fails when one is
not what this writes.
"""  # noqa: INP001 - a script

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

from tidewaiter.baseline import weigh
from tidewaiter.findings.judge import judge
from tidewaiter.model import LEVELS, Actor, Departure, Episode
from tidewaiter.pipeline import scan
from tidewaiter.recognise.pack import packaged
from tidewaiter.sinks import text
from tidewaiter.store import Store
from tidewaiter.wording import Wording

ROOT = Path(__file__).resolve().parents[1]
_BULLETS = {"Why it is a finding": 3, "What it may be instead": 2, "What to ask next": 2}
_TUTORIAL_LOG = re.compile(r"cat > audit\.log <<'END'\n(.+?\n)END\n", re.DOTALL)


def written() -> dict[Path, str]:
    """Give every page that holds examples, as it should be."""
    found: dict[Path, str] = {}
    for name, (page, make) in _EXAMPLES.items():
        path = ROOT / page
        whole = found.get(path) or path.read_text(encoding="utf-8")
        block = re.compile(rf"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)", re.DOTALL)
        if len(block.findall(whole)) != 1:
            raise ValueError(f"{page} should hold one example {name}")
        made = make()
        found[path] = block.sub(lambda match, made=made: f"{match[1]}{made}{match[2]}", whole)  # type: ignore[misc]
    return found


def _fenced(what: str) -> str:
    return f"```text\n{what.rstrip()}\n```\n"


def _told(path: Path, *, width: int) -> list[str]:
    """Give the findings of a file as the program tells them, each as its lines, the worst first."""
    with Store() as store:
        report = scan([str(path)], store=store, pack=packaged(), wording=Wording("en"))
    worst = sorted(report.findings, key=lambda found: (-LEVELS.index(found.level), -found.confidence))
    return [text.render_finding(found, width=width, colour=False, wording=Wording("en")) for found in worst]


def shortened(finding: str, *, bullets: dict[str, int] | None = None) -> str:
    """Keep what a reader needs to see what a finding looks like; what is left out is marked."""
    wanted = _BULLETS if bullets is None else bullets
    return "\n".join(_kept(finding.strip("\n").splitlines(), wanted))


def _kept(lines: list[str], wanted: dict[str, int]) -> Iterator[str]:
    section, seen = "", 0
    for line in lines:
        if line.startswith("----"):
            continue
        if line and not line.startswith(" "):
            section, seen = line, 0
            if line.startswith("What was seen"):
                return
        seen += line.startswith("  - ")
        most = wanted.get(section)
        if most is None or seen <= most:
            yield line
        elif seen == most + 1 and line.startswith("  - "):
            yield "  …"
        elif not line:
            yield line


def _tutorial() -> str:
    log = _TUTORIAL_LOG.search((ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8"))
    if log is None:
        raise ValueError("docs/tutorial.md holds no audit.log")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "audit.log"
        path.write_text(log[1], encoding="utf-8")
        return _fenced(shortened(_told(path, width=100)[0]).replace(f"{folder}/", ""))


def _demo() -> str:
    recording = Path(str(files("tidewaiter"))) / "packs" / "demo" / "cluster.jsonl.gz"
    told = shortened(_told(recording, width=100)[0]).replace(f"{recording.parent}/", "")
    return _fenced(f"$ tidewaiter demo\n{told}")


# --- the worked example of docs/explanation/how-it-judges.md ---------------------------------------

_HISTORY = 8  # days
_NODES = Departure(
    dimension="kind", value="nodes", prior=0, history=_HISTORY, innovations=1,
    peers_known=1, peers=4, estate_known=3, estate=20,
)  # fmt: skip
_NETWORK = Departure(
    dimension="network", value="203.0.113.0/24", prior=0, history=_HISTORY, innovations=0,
    peers_known=0, peers=4, estate_known=0, estate=20,
)  # fmt: skip
_REFUSED = tuple(
    Departure(
        dimension="refused", value=kind, prior=0, history=_HISTORY, innovations=0,
        peers_known=0, peers=4, estate_known=0, estate=20,
    )
    for kind in ("clusterroles", "nodes", "secrets")
)  # fmt: skip


def episode() -> Episode:
    """Give the episode that the page explains."""
    at = datetime(2026, 11, 23, 2, 14, 7, tzinfo=UTC)
    return Episode(
        actor=Actor(kind="user", name="ada", realm="kubernetes"),
        plane="kubernetes",
        opens=at,
        closes=at,
        kinds=("clusterroles", "nodes", "secrets"),
        namespaces=("*",),
        tools=("kubectl/1.32",),
        addresses=("203.0.113.9",),
        scope="everything",
        requests=4,
        answered=1,
        refused=3,
        reviews=0,
        from_public=True,
        history=_HISTORY,
        idle_days=1,
        estate_days=_HISTORY,
        arrival_days=2,
        departures=(_NODES, _NETWORK, *_REFUSED),
        breadth=(),
        tripwires=(),
        evidence=("kube-list-everything@1",),
        usual={"kind": ("deployments", "pods"), "network": ("10.20.8.0/24",)},
    )


def steps() -> tuple[list[tuple[str, str, float]], float]:
    """Give the example step by step, (what, formula, number), and what all of it weighs."""
    estate = (_NODES.estate_known + 0.5) / (_NODES.estate + 1)
    peers = (_NODES.peers_known + 2 * estate) / (_NODES.peers + 2)
    own = (_NODES.prior + 2 * peers) / (_NODES.history + 2)
    value, something = weigh.value_bits(_NODES), weigh.innovation_bits(_NODES)
    whole = weigh.weighed(episode())
    bits = {item.measure: item.bits for item in whole.surprises}
    rows = [
        ("anybody: 3 of 20 accounts read nodes", "(3 + 0.5) / (20 + 1)", estate),
        ("its peers: 1 of 4 people read nodes", f"(1 + 2 * {estate:.2f}) / (4 + 2)", peers),
        ("ada herself: on none of 8 days", f"(0 + 2 * {peers:.2f}) / (8 + 2)", own),
        ("bits of reading nodes", f"-log2({own:.3f})", value),
        ("bits of reading anything new: 1 of 8 days", "-log2((1 + 0.2) / (8 + 2))", something),
        ("**new-kind**: the smaller of both, * 8 / (8 + 2)", f"{min(value, something):.2f} * 0.8", bits["new-kind"]),
        ("**new-network**: likewise, + 2 for a public address", "see above", bits["new-network"]),
        ("**refusals**: 3 kinds it was never refused", "2 * log2(1 + 3)", bits["refusals"]),
    ]
    return rows, judge(whole).bits


def _judged() -> str:
    rows, total = steps()
    found = judge(weigh.weighed(episode()))
    lines = ["| step | formula | result |", "| --- | --- | ---: |"]
    lines += [f"| {what} | {formula} | {number:.2f} |" for what, formula, number in rows]
    lines += [
        f"| **together** | | **{total:g}** |",
        "",
        f"{total:g} bits are level **{found.level}**, confidence 1 - 2^(-{total:g} / 6) = **{found.confidence:.0%}**.",
    ]
    return "\n".join(lines) + "\n"


_EXAMPLES: dict[str, tuple[str, Callable[[], str]]] = {
    "demo": ("README.md", _demo),
    "tutorial": ("docs/tutorial.md", _tutorial),
    "judged": ("docs/explanation/how-it-judges.md", _judged),
}


if __name__ == "__main__":
    for page, whole in written().items():
        page.write_text(whole, encoding="utf-8")
