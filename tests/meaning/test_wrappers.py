from __future__ import annotations

import shlex

import pytest

from tidewaiter.meaning.setting import LISTED, UNKNOWN
from tidewaiter.meaning.vocabulary import traits
from tidewaiter.meaning.wrappers import Peeled, is_assignment, peel, wrappers


@pytest.mark.parametrize(
    ("line", "peeled"),
    [
        ("sudo -u x -E docker ps", Peeled(words=("docker", "ps"), traits=("via-sudo",))),
        ("sudo --user=x A=1 docker", Peeled(words=("docker",), traits=("via-sudo",), variables={"A": "1"})),
        ("sudo -l", None),
        ("sudo", None),
        ("env -i A=1 -u B C=2 x y", Peeled(words=("x", "y"), variables={"A": "1", "C": "2"})),
        ("env -S 'x y'", Peeled(script="x y")),
        ("timeout -k 1 5s x", Peeled(words=("x",))),
        ("nice -n3 x -n", Peeled(words=("x", "-n"))),
        ("nice -5 x", Peeled(words=("x",))),
        ("command -v docker", None),
        ("chroot /host x", Peeled(words=("x",))),
        ("nsenter -t 1 -m -- x", Peeled(words=("x",))),
        ("ip netns exec n x y", Peeled(words=("x", "y"))),
        ("ip -n n link show", None),
        ("xargs -0 -n1 x", Peeled(words=("x", UNKNOWN), traits=("via-xargs",))),
        ("xargs -I% x a%", Peeled(words=("x", "a" + UNKNOWN), traits=("via-xargs",), lines=True)),
        ("flock f x", Peeled(words=("x",))),
        ("flock f -c 'x y'", Peeled(script="x y", traits=("in-shell",))),
        ("su - u -c 'x y'", Peeled(script="x y", traits=("in-shell",))),
        ("su u", None),
        ("runuser u -c 'x y'", Peeled(script="x y", traits=("in-shell",))),
        ("script -qc 'x y' f", Peeled(script="x y", traits=("in-shell",))),
        ("script f", None),
        ("ssh -p 22 h x 'y z'", Peeled(script="x y z", traits=("via-ssh",))),
        ("ssh h", None),
        ("ssh -L 1:s h", Peeled(traits=("via-ssh",), tunnels=("1:s",))),
        ("watch -n 1 x y", Peeled(script="x y")),
        ("parallel -j2 x {} ::: a b", Peeled(script=f"x {UNKNOWN}", traits=("via-xargs",), lines=True)),
        ("k3s kubectl get", Peeled(words=("kubectl", "get"))),
        ("k3s agent", None),
        ("cmd /s /c 'a^b c'", Peeled(script="a\\b c", traits=("in-shell",))),
        ("start-process x -args y", Peeled(words=("x", "y"))),
        ("start '' /b x y", Peeled(words=("x", "y"))),
        ("gdb -batch --args x y", Peeled(words=("x", "y"))),
        ("bwrap --bind / / x y", Peeled(words=("x", "y"))),
        ("tmux new -d -s n 'x y'", Peeled(script="x y", traits=("in-shell",))),
        ("trap 'x y' EXIT", Peeled(script="x y", traits=("in-shell",))),
        ("bash -lc 'x y' z", Peeled(script="x y", traits=("in-shell",))),
        ("bash -o pipefail -c x", Peeled(script="x", traits=("in-shell",))),
        ("bash -c", None),
        ("bash f x", Peeled(words=("f", "x"))),
        ("bash", Peeled(reads_input=True, traits=("in-shell",))),
        ("sh -s", Peeled(reads_input=True, traits=("in-shell",))),
    ],
)
def test_a_wrapper_is_taken_off(line: str, peeled: Peeled | None) -> None:
    program, *words = shlex.split(line)
    assert peel(program, words) == peeled


def test_what_a_listing_feeds_is_marked() -> None:
    assert peel("xargs", ["x"], fed_by_listing=True) == Peeled(words=("x", LISTED), traits=("via-xargs",))


@pytest.mark.parametrize(
    ("word", "answer"), [("A=1", True), ("_b=", True), ("=1", False), ("1A=2", False), ("a-b=1", False)]
)
def test_an_assignment_is_told_from_a_word(word: str, answer: bool) -> None:
    assert is_assignment(word) is answer


def test_every_trait_of_the_table_is_known() -> None:
    stated = {trait for wrapper in wrappers().values() for trait in wrapper.traits.split()}
    assert stated <= set(traits())
