from __future__ import annotations

import pytest

from tidewaiter.meaning.renamed import subcommand_words, suspect


@pytest.mark.parametrize(
    ("line", "family"),
    [
        ("/tmp/.x ps -aq --no-trunc", "docker"),
        ("frob ps -aq", "docker"),
        ("frob ps --no-trunc", "docker"),
        ("frob container ls", "docker"),
        ("/tmp/x ps", "docker"),
        ("./frob ps", None),
        ("frob ps", None),
        ("frob network ls", None),
        ("./frob network ls", "docker"),
        ("frob get po", "kubectl"),
        ("frob get pods,nodes", "kubectl"),
        ("frob get nodes", None),
        ("frob get nodes -A", "kubectl"),
        ("./frob get nodes", "kubectl"),
        ("k get nodes", "kubectl"),
        ("frob get widgets", None),
        ("frob get", None),
        ("frob describe deploy/web", "kubectl"),
        ("frob auth can-i --list", "kubectl"),
        ("frob inspectp x", "crictl"),
        ("frob containers ls -q", None),
        ("/tmp/a containers ls", "ctr"),
        ("/tmp/x info", None),
        ("/tmp/x run server", None),
        ("/tmp/x c ls", None),
        ("git ps --no-trunc", None),
        ("/tmp/git ps --no-trunc", None),
        ("frob", None),
    ],
)
def test_a_renamed_tool_is_suspected_by_its_arguments(line: str, family: str | None) -> None:
    found = suspect(line.split())
    assert (found.grammar.family if found else None) == family


def test_words_of_a_suspect_are_in_the_list() -> None:
    assert {"ps", "container", "get", "describe", "inspectp", "containers", "auth"} <= subcommand_words()
    assert subcommand_words().isdisjoint({"run", "info", "version", "log", "list", "c"})
