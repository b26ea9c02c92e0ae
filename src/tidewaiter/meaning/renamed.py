"""Tells whether a program of an unknown name is a container tool that was renamed, by the shape of its arguments.

The rule. The words must parse as a sub-command of docker, kubectl, crictl or ctr that the tables call telling (`tell`),
or as kubectl's `get` or `describe`. Then points are added:

* 1 to 3 for the sub-command (`container ls` 3, `network ls` 2, `ps` 1; `info`, `inspect`, `run` are never enough);
* for kubectl's `get` and `describe`: 3 for a resource word that only Kubernetes has (`po`, `deploy`), 2 for one that
  others have too (`nodes`, `services`);
* 2 for an option that few other programs have (`--no-trunc`, `-aq` of `ps`, `-A`, `-n kube-system`);
* 2 for a program in a place where programs do not live (/tmp, /dev/shm, a hidden file), 1 for one in the current folder
  or in somebody's home;
* 1 for a name that people use as an alias (`k`).

Three points are needed. So `/tmp/systemd-resolved ps` is taken for docker (1 + 2) and `svc ps` or `./svc ps` is not. A
program of `packs/vocabulary/programs.yml` is never suspected. With the kernel's own word for the program (`exe`) none
of this is needed: `exe=/usr/bin/docker` under another name is certain.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from tidewaiter.meaning.options import Invocation, parse
from tidewaiter.meaning.tools import Node, grammars, known_programs, resources

ENOUGH = 3
SUSPECTS = ("docker", "kubectl", "crictl", "ctr")
_ODD_PLACES = ("/tmp/", "/var/tmp/", "/dev/shm/", "/run/user/", "/memfd:", "/proc/self/fd/")  # noqa: S108 - read, not written
_OWN_PLACES = ("./", "../", "/home/", "/root/", "~/")
_READS = (("get",), ("describe",))  # kubectl's, judged by the kinds behind them
_MAX_ARGUMENTS = 256  # a longer one is looked at so far


@cache
def subcommand_words() -> frozenset[str]:
    """Give the words of which a renamed tool's arguments hold at least one."""
    words = {word for (word,) in _READS}
    for family in SUSPECTS:
        words |= {word for word, node in grammars()[family].root.children.items() if len(word) > 1 and _tells(node)}
    return frozenset(words)


def _tells(node: Node) -> bool:
    """Tell whether a sub-command, or one below it, can ever gather enough points."""
    if node.command is not None and node.command.command.tell:
        return True
    return any(_tells(child) for child in node.children.values())


def suspect(words: Sequence[str]) -> Invocation | None:
    """Give the invocation that a renamed tool's words are; None when they are not clear enough."""
    program = words[0]
    name = program.rpartition("/")[2]
    if name in known_programs() or len(words) < 2:  # noqa: PLR2004 - a program and a sub-command
        return None
    place = _place(program, name)
    best: tuple[int, Invocation] | None = None
    for family in SUSPECTS:
        invocation = parse(grammars()[family], words[1:_MAX_ARGUMENTS])
        if invocation is None:
            continue
        points = _points(invocation)
        points += place if points else 0
        points += 1 if points and name in grammars()[family].tool.aliases.split() else 0
        if points >= ENOUGH and (best is None or points > best[0]):
            best = points, invocation
    return best[1] if best else None


def _place(program: str, name: str) -> int:
    if program.startswith(_ODD_PLACES) or name.startswith("."):
        return 2
    return 1 if program.startswith(_OWN_PLACES) else 0


def _points(invocation: Invocation) -> int:
    grammar, command = invocation.grammar, invocation.action.command
    points = command.tell
    if invocation.path[:1] in _READS and grammar.family == "kubectl":
        points = _resource_points(invocation.names[0] if invocation.names else "")
    if not points or len(invocation.path[0]) == 1:  # `c ls` is ctr's, but one letter says too little
        return 0
    telling = 0
    for name, value in invocation.options:
        if name in grammar.telling or f"{name}={value}" in grammar.telling:
            telling = 2
    letters = {name for name, _ in invocation.options if len(name) == 2}  # noqa: PLR2004 - a dash and a letter
    if {"-a", "-q"} <= letters and invocation.action.kind == "containers":
        telling = 2
    return points + telling


def _resource_points(words: str) -> int:
    tool = grammars()["kubectl"].tool
    common = frozenset(tool.common_words.split())
    kinds = [word.partition("/")[0].lower() for word in words.split(",")]
    if not all(kind in resources() or kind == "all" for kind in kinds):
        return 0
    return ENOUGH if any(kind not in common for kind in kinds) or len(kinds) > 1 else 2
