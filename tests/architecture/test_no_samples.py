"""The product knows nothing of the data it is measured on: no actor, host or address of it stands in the package.

The labelled data is beside the project (../shared/data); where it is not, this is skipped.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from architecture.tree import PACKAGE, SHARED, relative

# Names of the data that stand for a role, a product or nobody in particular. Any estate has them.
_ANYBODYS = {
    *("root", "www-data", "ci", "monitor", "client", "localhost", "lab", "kubernetes-admin"),
    *("system:anonymous", "127.0.0.1"),
    *("grafana", "prometheus"),  # products
    "system:serviceaccount:default:default",
    *("default/default", "velero/velero", "system:serviceaccount:velero:velero"),  # what an installation is given
}
_BINARY = {".msgpack", ".so", ".pyd"}  # made from the text beside it

needs_data = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no labelled data at {SHARED}")


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _names() -> Iterator[str]:
    for step in _lines(SHARED / "kubernetes" / "cluster.labels.jsonl"):
        yield from step["impersonated"]
        for actor in step["actors"]:
            yield from (actor["user"], actor["source_ip"])
            yield from re.findall(r"^(\w+)@", actor["user"])  # hanna of hanna@dev.example
            yield from ("/".join(found) for found in re.findall(r"^system:serviceaccount:(.+):(.+)", actor["user"]))
            yield from re.findall(r"@(.+)$", actor["user"])
    for path in sorted(SHARED.glob("docker/*/steps*.jsonl")):
        for step in _lines(path):
            yield from (step[key] for key in ("user", "cert") if step.get(key))
    for line in _lines(SHARED / "docker" / "host" / "dockerd_journal_run2.jsonl"):
        yield line.get("_HOSTNAME", "")


def _texts() -> Iterator[tuple[str, str]]:
    """Give every file of the package as text; the demo recording unpacked."""
    for path in sorted(PACKAGE.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and path.suffix not in _BINARY:
            raw = path.read_bytes()
            yield relative(path), (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")


def _found(names: set[str], texts: Iterator[tuple[str, str]]) -> list[tuple[str, str]]:
    """Find names as whole words: `10.20.0.1` is not in `10.20.0.12`, nor `bob` in `bobbin`."""
    pattern = re.compile(rf"(?<![\w.@-])(?:{'|'.join(map(re.escape, sorted(names, key=len, reverse=True)))})(?![\w@-])")
    return sorted({(file, match[0]) for file, text in texts for match in pattern.finditer(text)})


def test_whole_words_are_found() -> None:
    texts = iter([("a", "from 10.0.0.1 by bob"), ("b", "10.0.0.12 bobbin x-bob"), ("c", '"10.0.0.1"')])
    assert _found({"10.0.0.1", "bob"}, texts) == [("a", "10.0.0.1"), ("a", "bob"), ("c", "10.0.0.1")]


@needs_data
def test_the_names_of_the_data_are_known() -> None:
    names = set(_names()) - _ANYBODYS
    assert len(names) > 60, "the labels have changed: what are their actors called now?"


@needs_data
def test_no_actor_host_or_address_of_the_data_is_in_the_package() -> None:
    assert _found(set(_names()) - _ANYBODYS - {""}, _texts()) == []
