import posixpath

import pytest

from tidewaiter.meaning.files import file_marks, file_readers, read_files
from tidewaiter.meaning.setting import Setting
from tidewaiter.meaning.tools import tool_names
from tidewaiter.meaning.vocabulary import load, resource_class
from tidewaiter.meaning.wrappers import wrappers
from tidewaiter.model import Meaning

TABLE = load("files.yml")
PATHS = {**TABLE["inventory"], **TABLE["surroundings"]}
HEX = "0123456789abcdef" * 4


def _short(program: str, *words: str) -> list[str]:
    return [
        " ".join(filter(None, (said.verb, said.kind, said.scope or "-", said.namespace, said.name)))
        for said in read_files(program, words, Setting())
    ]


@pytest.mark.parametrize("path", PATHS)
def test_every_path_of_the_table_is_read(path: str) -> None:
    told = (
        path.replace("{name}", "n")
        .replace("{namespace}", "s")
        .replace("*", "x")
        .replace("~/", "/root/", 1 if path[0] == "~" else 0)
    )
    assert file_marks().search(told)
    verb, kind = PATHS[path].split()
    (found,) = read_files("cat", [told], Setting())
    assert found.kind == kind
    assert found.verb == ("list" if verb == "get" and found.scope == "everything" else verb)
    assert found.traits == (("inventory-file",) if path in TABLE["inventory"] else ())


def test_kinds_have_a_class() -> None:
    kinds = {does.split()[1] for does in PATHS.values()}
    assert {kind for kind in kinds if resource_class(kind) == "custom"} == set()


def test_what_is_around_the_actor_is_no_inventory() -> None:
    kinds = {does.split()[1] for does in TABLE["surroundings"].values()}
    inventory = {kind for kind in kinds if resource_class(kind) != "surroundings"}
    assert inventory == {"secrets", "kubeconfig"}  # which the rules leave out by name


def test_a_reader_is_no_tool_and_no_wrapper() -> None:
    assert file_readers() & {*tool_names(), *wrappers()} == set()
    assert {*TABLE["pattern_first"], *TABLE["values"]} <= file_readers()


@pytest.mark.parametrize(
    ("program", "words", "told"),
    [
        ("ls", ["/var/lib/docker/containers"], ["list containers everything"]),
        ("ls", ["/mnt/host/var/lib/docker/containers"], ["list containers everything"]),
        ("cat", [f"/var/lib/docker/containers/{HEX}/config.v2.json"], [f"get containers one {HEX[:12]}"]),
        ("cat", ["/var/lib/docker/containers/*/config.v2.json"], ["list containers everything"]),
        ("cat", ["/var/run/secrets/kubernetes.io/serviceaccount/t*"], ["get tokens -"]),
        ("cat", ["/run/secrets/kubernetes.io/serviceaccount/*"], ["get tokens -"]),
        ("cat", ["/a/docker", "/.dockerenv", "/.dockerenv"], ["get orientation -"]),
        ("grep", ["/.dockerenv", "x"], []),
        ("grep", ["-e", "x", "/.dockerenv"], ["get orientation -"]),
        ("grep", ["-A", "/.dockerenv", "x"], []),
        ("dd", ["if=/.dockerenv"], ["get orientation -"]),
        ("tail", ["/var/log/pods/shop_web-1_u/app/0.log"], ["logs pods one shop web-1"]),
        ("ls", ["/var/log/pods/shop_*"], ["list pods everything"]),
        ("ls", ["/v*/log/pods"], ["list pods everything"]),
        ("cat", ["/home/x/.kube/config"], ["get kubeconfig -"]),
        ("cat", ["\0$HOME\0/.kube/config"], ["get kubeconfig -"]),
        ("cat", ["/srv/.kube/config"], []),
        ("cat", ["/etc/kubernetes/admin.conf"], ["get kubeconfig -"]),
        ("cat", ["/etc/kubernetes/audit.yaml"], []),
        ("cat", ["/docker" * 1000], []),
        ("cat", ["-"], []),
    ],
)
def test_files(program: str, words: list[str], told: list[str]) -> None:
    assert _short(program, *words) == told


def test_traits_of_the_setting_are_kept() -> None:
    assert read_files("ls", ["/var/log/pods"], Setting(frozenset({"in-shell"}))) == [
        Meaning(verb="list", kind="pods", scope="everything", tool="ls", traits=("in-shell", "inventory-file"))
    ]


def test_paths_of_the_table_are_plain() -> None:
    assert [path for path in PATHS if posixpath.normpath(path) != path or not path.startswith(("/", "~/"))] == []
