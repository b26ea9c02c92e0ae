import pytest

from tidewaiter.meaning.network import (
    habitual_network,
    is_metadata_host,
    metadata,
    read_resolver,
    read_scanner,
    scanners,
    swept_ports,
)
from tidewaiter.meaning.setting import Setting
from tidewaiter.meaning.vocabulary import traits
from tidewaiter.model import Meaning


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "METADATA.google.internal.",
        "[fd00:ec2::254]",
        "0xa9fea9fe",
        "2852039166",
        "0251.0376.0251.0376",
        "169.254.43518",
    ],
)
def test_a_metadata_service_is_known_however_it_is_written(host: str) -> None:
    assert is_metadata_host(host)


@pytest.mark.parametrize("host", ["", "10.0.0.1", "1.2.3.4.5", "9" * 30, "99999999999", "089.1", "x.metadata", "1..2"])
def test_other_hosts_are_none(host: str) -> None:
    assert not is_metadata_host(host)


def test_a_metadata_service_is_around_the_actor() -> None:
    assert metadata("curl", Setting()) == Meaning(verb="get", kind="instance-metadata", tool="curl")


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("any.any.svc.cluster.local", "services"),
        ("any.any.any.svc.cluster.local.", "services"),
        ("*.*.svc.k8s.example", "services"),
        ("_http._tcp.any.any.svc", "services"),
        ("web.shop.svc.cluster.local", "orientation"),
        ("kubernetes.default", "orientation"),
        ("company.svc.example.org", "orientation"),
        ("example.org", None),
    ],
)
def test_names_of_a_cluster(word: str, kind: str | None) -> None:
    found = read_resolver("dig", ["+short", word], Setting())
    assert [said.kind for said in found] == ([kind] if kind else [])
    assert all(("wildcard-dns" in said.traits) == (said.kind == "services") for said in found)


@pytest.mark.parametrize(
    ("program", "words", "stated"),
    [
        ("nmap", ["-p", "2375", "10.0.0.0/8"], ("engine-port",)),
        ("nmap", ["-sS", "-p2375,10250"], ("engine-port", "kubelet-port")),
        ("nmap", ["-p", "T:2379"], ("etcd-port",)),
        ("masscan", ["--ports=6443"], ("api-server",)),
        ("zmap", ["-p", "2300-2400"], ("engine-port", "etcd-port")),
        ("pnscan", ["10.0.0.0/24", "2375"], ("engine-port",)),
        ("nmap", ["-p", "1-65535"], None),
        ("nmap", ["-p-"], None),
        ("nmap", ["-p", "http"], None),
        ("nmap", ["2375"], None),
        ("nmap", [], None),
    ],
)
def test_sweeps(program: str, words: list[str], stated: tuple[str, ...] | None) -> None:
    found = read_scanner(program, words, Setting())
    assert found == ([Meaning(verb="connect", kind="sweeps", tool=program, traits=stated)] if stated else [])


def test_traits_of_ports_are_known() -> None:
    assert set(swept_ports().values()) <= set(traits())
    assert "nmap" in scanners()


@pytest.mark.parametrize(
    ("address", "network"),
    [
        (None, None),
        ("", None),
        ("@", None),
        ("/run/docker.sock", None),
        ("10.42.3.17", "10.42.3.0/24"),
        ("::1", "::/48"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("10.42.3.17:443", None),
    ],
)
def test_habits_know_networks(address: str | None, network: str | None) -> None:
    assert habitual_network(address) == network
