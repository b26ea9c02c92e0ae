from __future__ import annotations

import pytest

from tidewaiter.meaning.urls import Address, read_url, squashed


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("http://d/info", Address("http", "d", "80", "/info")),
        ("127.0.0.1:2375/images/json", Address("http", "127.0.0.1", "2375", "/images/json")),
        ("https://u:p@H:1/a?b#c", Address("https", "h", "1", "/a?b")),
        ("https://[::1]:6443/api", Address("https", "::1", "6443", "/api")),
        ("http:/v1.24/x", Address("http", "v1.24", "80", "/x")),
        ("h", Address("http", "h", "80", "/")),
        ("h?q", Address("http", "h", "80", "/?q")),
        (":2375/x", Address("http", "", "2375", "/x")),
        ("http+unix://%2Frun%2Fdocker.sock/x", Address("http", "", "", "/x", "/run/docker.sock")),
    ],
)
def test_an_address_is_taken_apart(text: str, address: Address) -> None:
    assert read_url(text) == address


@pytest.mark.parametrize(
    ("target", "slashes", "clean"),
    [
        ("/a/./b?x=../y", False, "/a/b?x=../y"),
        ("/a/../b/", False, "/b/"),
        ("//a/./b", False, "//a/b"),
        ("//a//b/", True, "/a/b/"),
        ("/../..", True, "/"),
        ("/a//b", False, "/a//b"),
    ],
)
def test_segments_that_a_client_takes_out(target: str, slashes: bool, clean: str) -> None:
    assert squashed(target, slashes=slashes) == clean
