from __future__ import annotations

import shlex

import pytest

from tidewaiter.meaning.raw_http import http_names, is_interpreter, read_network_file, read_tool, read_tunnel
from tidewaiter.meaning.setting import Setting, variable
from tidewaiter.model import Meaning


def _short(found: list[Meaning]) -> list[str]:
    return [f"{meaning.verb} {meaning.kind} {' '.join(meaning.traits)}" for meaning in found]


@pytest.mark.parametrize(
    ("line", "given", "meanings"),
    [
        ("curl -I --unix-socket /run/docker.sock http://d/_ping", None, ["probe daemon local-socket raw-http"]),
        (
            "curl -T f --unix-socket /run/docker.sock http://d/containers/a/archive?path=/",
            None,
            ["update containers/archive local-socket raw-http"],
        ),
        ("curl --url http://h:2375/info", None, ["get daemon engine-port plaintext-tcp raw-http remote-endpoint"]),
        (
            "curl --oauth2-bearer x https://kubernetes.default.svc/api/v1/pods",
            None,
            ["list pods all-namespaces api-server explicit-token raw-http"],
        ),
        (
            "http POST :2375/containers/create Image=a",
            None,
            ["create containers engine-port plaintext-tcp raw-http remote-endpoint"],
        ),
        (
            "http :2375/containers/create Image=a",
            None,
            ["create containers engine-port plaintext-tcp raw-http remote-endpoint"],
        ),
        ("xh :2375/info", None, ["get daemon engine-port plaintext-tcp raw-http remote-endpoint"]),
        (
            "wget --method=DELETE http://h:2375/containers/a",
            None,
            ["delete containers engine-port plaintext-tcp raw-http remote-endpoint"],
        ),
        (
            "nc -U /run/docker.sock",
            "GET /info HTTP/1.0\r\n\r\nGET /version HTTP/1.0\r\n",
            ["get daemon local-socket raw-http", "discover version local-socket raw-http"],
        ),
        ("nc -U /run/other.sock", "GET /info HTTP/1.0\r\n", []),
        ("nc -lp 2375", None, []),
        ("ncat h 10250", None, ["connect socket kubelet-port raw-http"]),
        ("openssl s_client -connect h:2376", None, ["connect socket engine-port raw-http remote-endpoint"]),
        ("openssl x509 -in a", None, []),
        ("socat - TCP:h:2375", None, ["connect socket engine-port raw-http remote-endpoint"]),
        (
            "grpcurl -unix /run/containerd/containerd.sock containerd.services.images.v1.Images/List",
            None,
            ["list images local-socket raw-http"],
        ),
        ("grpcurl h:443 a.B/List", None, []),
    ],
)
def test_what_a_general_tool_asks(line: str, given: str | None, meanings: list[str]) -> None:
    program, *words = shlex.split(line)
    program = program.removesuffix("3")
    assert _short(read_tool(program, words, Setting(given=given))) == meanings


@pytest.mark.parametrize(
    ("url", "is_read"),
    [
        ("https://10.0.0.1:6443/api/v1/widgets", True),
        ("https://c.example:6443/version", True),
        ("https://c.example:8443/api/v1/widgets", False),
        ("https://c.example:8443/api/v1/pods", True),
        ("https://c.example/api/v1/nodes", False),
        ("https://10.0.0.1/api/v1/nodes", True),
        ("https://c.example/apis/apps/v1/deployments", True),
        ("https://c.example/apis/acme/v1/things", False),
        ("https://c.example/api/v4/projects", False),
        ("http://c.example/api/v1/pods", False),
        (f"https://{variable('H')}/api/v1/pods", True),
        (f"https://{variable('KUBERNETES_SERVICE_HOST')}/api/v1/widgets", True),
    ],
)
def test_an_api_server_is_told_from_a_web_server(url: str, is_read: bool) -> None:
    assert bool(read_tool("curl", [url], Setting())) is is_read


@pytest.mark.parametrize(
    ("value", "meanings"),
    [
        ("2375:/var/run/docker.sock", ["connect socket local-socket"]),
        ("9000:localhost:2375", ["connect socket engine-port remote-endpoint"]),
        ("8080:localhost:80", []),
    ],
)
def test_a_tunnel_to_an_engine_is_seen(value: str, meanings: list[str]) -> None:
    assert _short(read_tunnel(value, Setting())) == meanings


def test_a_network_file_is_a_connection() -> None:
    assert _short(read_network_file("/dev/tcp/h/2375", Setting())) == [
        "connect socket engine-port raw-http remote-endpoint"
    ]
    assert read_network_file("/dev/tcp/h/80", Setting()) == []


def test_interpreters_are_told_from_clients() -> None:
    assert {name for name in ("python", "perl", "curl", "nc") if is_interpreter(name)} == {"python", "perl"}
    assert {"curl", "socat", "python"} <= http_names()
