from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.gate.route_patterns import Request, known, parameters, power, request_of, route
from tidewaiter.meaning.vocabulary import load

_READ = [
    ("/containers/json", "/containers/json", "", ()),
    ("/v1.41/containers/json?all=1&size=1", "/containers/json", "all=1&size=1", (1, 41)),
    ("/v1.41/%63ontainers%2Fjson", "/containers/json", "", (1, 41)),
    ("/%76%31.41/containers/json", "/containers/json", "", (1, 41)),
    ("/v01.041./containers/json", "/containers/json", "", (1, 41, 0)),
    ("http://evil/v1.41/containers/json?x=/images", "/containers/json", "x=/images", (1, 41)),
    ("/images/library%2Fbusybox/json", "/images/library/busybox/json", "", ()),
    ("/v4.3.1/libpod/containers/json", "/libpod/containers/json", "", (4, 3, 1)),
]
_NOT_READ = [
    "", "*", "containers/json", "example.org:443", "//containers/json", "/containers//json", "/./containers/json",
    "/images/../containers/json", "/images/%2e%2e/containers/json", "/containers/..", "/containers%2f%2fjson",
    "/containers/%zz/json", "/containers/\x00/json", "/containers/json\r\n",
]  # fmt: skip


@pytest.mark.parametrize(("target", "path", "query", "version"), _READ)
def test_a_request_is_read_as_the_daemon_reads_it(target: str, path: str, query: str, version: tuple[int, ...]) -> None:
    assert request_of("GET", target) == Request("GET", path, query, version)


@pytest.mark.parametrize("target", _NOT_READ)
def test_what_the_daemon_refuses_or_only_redirects_is_no_request(target: str) -> None:
    assert request_of("GET", target) is None


_COVERS = [
    ("GET /containers/json", "GET", "/containers/json", True),
    ("GET /containers/json", "POST", "/containers/json", False),
    ("GET /containers/json", "get", "/containers/json", False),
    ("GET /containers/json", "HEAD", "/containers/json", False),
    ("GET,HEAD /_ping", "HEAD", "/_ping", True),
    ("* /_ping", "OPTIONS", "/_ping", True),
    ("GET /containers/*/json", "GET", "/containers/web/json", True),
    ("GET /containers/*/json", "GET", "/containers/json", False),
    ("GET /containers/*/json", "GET", "/containers/web/db/json", False),
    ("GET /containers/*/json", "GET", "/containers/web/json/", False),
    ("GET /containers/*/json", "GET", "/containers/web/jsonp", False),
    ("GET /containers/*/json", "GET", "/x/containers/web/json", False),
    ("GET /images/**/json", "GET", "/images/a/b/c/json", True),
    ("GET /images/**/json", "GET", "/images/json", False),
    ("* /**", "DELETE", "/containers/web", True),
    ("GET /a.c", "GET", "/abc", False),
]


@pytest.mark.parametrize(("text", "method", "path", "expected"), _COVERS)
def test_a_route_covers_requests(text: str, method: str, path: str, expected: bool) -> None:
    assert route(text).covers(Request(method, path, "", ())) is expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("/containers/json", "a method and a path"),
        ("get /containers/json", "a method and a path"),
        ("GET containers/json", "a method and a path"),
        ("GET /containers/json POST /x", "a method and a path"),
        ("GET /v1.41/containers/json", "no version"),
        ("GET /containers/json?all=1", "without a query"),
        ("GET /containers%2Fjson", "a decoded path"),
        ("GET /containers//json", "no empty segment"),
        ("GET /containers/../json", "no dot segment"),
        ("GET /containers/web*/json", "a whole segment"),
        ("GET /containers/***/json", "a whole segment"),
    ],
)
def test_a_route_that_could_not_mean_what_it_says_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        route(text)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {}),
        ("all=1&all=0&size", {"all": ["1", "0"], "size": [""]}),
        ("%61ll=%31", {"all": ["1"]}),
        ("filters=a+b", {"filters": ["a b"]}),
        ("all=1;size=1", None),
        ("all=%zz", None),
    ],
)
def test_parameters_are_read_as_go_reads_them(query: str, expected: dict[str, list[str]] | None) -> None:
    assert parameters(query) == expected


@pytest.mark.parametrize(
    ("method", "target", "pattern"),
    [
        ("GET", "/v1.41/containers/json?all=1", "GET /containers/json"),
        ("POST", "/containers/0123/exec", "POST /containers/*/exec"),
        ("GET", "/images/busybox/json", "GET /images/*/json"),
        ("GET", "/images/library%2Fbusybox/json", "GET /images/**/json"),
        ("DELETE", "/containers/a/checkpoints/b", "DELETE /containers/*/checkpoints/*"),
        ("POST", "/services/x1/update", "POST /services/*/update"),
        ("POST", "/v4.0.0/libpod/containers/web/stop", "POST /libpod/containers/*/stop"),
        ("POST", "/v4.0.0/libpod/containers/web/st*p", None),
        ("GET", "/unheard-of", None),
        ("OPTIONS", "/containers/json", None),
    ],
)
def test_the_route_of_a_request_is_generalised_to_others_of_its_kind(
    method: str, target: str, pattern: str | None
) -> None:
    request = request_of(method, target)
    assert request is not None
    found = known(request)
    assert (found.pattern if found else None) == pattern


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [
        ("POST", "/v1.41/containers/create?name=x", "root"),
        ("POST", "/containers/web/exec", "root"),
        ("POST", "/containers/web/db/exec", "root"),
        ("POST", "/grpc", "root"),
        ("POST", "/session", "root"),
        ("POST", "/plugins/vieux/sshfs:latest/enable", "root"),
        ("PUT", "/containers/web/archive?path=/", "content"),
        ("GET", "/containers/web/logs", "content"),
        ("GET", "/containers/json", None),
        ("POST", "/containers/web/start", None),
    ],
)
def test_routes_that_give_more_than_they_say_are_known(method: str, target: str, expected: str | None) -> None:
    request = request_of(method, target)
    assert request is not None
    assert power(request) == expected


@pytest.mark.parametrize("text", [text for texts in load("engine_power.yml").values() for text in texts])
def test_every_powerful_route_is_a_route_of_an_engine(text: str) -> None:
    method, path = text.replace("**", "x").replace("*", "x").split(" ")
    request = request_of(method, path)
    assert request is not None
    assert known(request) is not None


@given(st.sampled_from(["GET", "POST", "DELETE"]), st.text(alphabet="/%2fFeE.containersjvimagexc1*?", max_size=40))
def test_the_pattern_of_a_request_covers_it(method: str, target: str) -> None:
    request = request_of(method, target)
    found = known(request) if request else None
    if request and found:
        assert route(found.pattern).covers(request)
