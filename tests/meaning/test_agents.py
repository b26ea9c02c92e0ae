from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.meaning.agents import is_by_hand, is_console, tool_name


@pytest.mark.parametrize(
    ("agent", "tool"),
    [
        ("kubectl/v1.32.5 (linux/amd64) kubernetes/9894294", "kubectl/1.32"),
        ("kubectl/v1.32.6 (linux/amd64) kubernetes/0000000", "kubectl/1.32"),
        ("kubectl.1.32/v1.32.5 (linux/amd64) kubernetes/9894294", "kubectl.1.32/1.32"),
        (
            "kube-controller-manager/v1.36.2 (linux/amd64) kubernetes/98b3519/leader-election",
            "kube-controller-manager/1.36",
        ),
        ("argocd-application-controller/v0.0.0 (linux/amd64) kubernetes/$Format", "argocd-application-controller"),
        ("main/v0.0.0 (linux/arm64) kubernetes/$Format", "main"),
        ("velero-server/v1.14.1 (linux/amd64) 9b6bf7a", "velero-server/1.14"),
        ("k9s/v0.50.9 (linux/amd64)", "k9s/0.50"),
        ("OpenAPI-Generator/37.0.2/python", "openapi-generator/37.0"),
        ("curl/8.5.0", "curl/8.5"),
        ("Go-http-client/1.1", "go-http-client/1.1"),
        ("Helm/3.14.2", "helm/3.14"),
        ("python-requests/2.31.0", "python-requests/2.31"),
        ("Prometheus/3", "prometheus/3"),
        ("stratus-red-team_8e1b", "stratus-red-team_8e1b"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", "browser"),
        ("  curl/8.5.0  ", "curl/8.5"),
        ("curl", "curl"),
        ("curl/vX", "curl"),
        ("x" * 100, "x" * 64),
        ("/v1.2.3", "unprintable"),
        ("(nothing)", "unprintable"),
        ("   ", "unprintable"),
        ("", None),
        (None, None),
    ],
)
def test_shortens_a_user_agent(agent: str | None, tool: str | None) -> None:
    assert tool_name(agent) == tool


@given(st.text())
def test_never_raises_and_stays_short(agent: str) -> None:
    for given_one in (agent, agent + "/v1.2.3", "kubectl/" + agent):
        tool = tool_name(given_one)
        assert (tool is None) == (given_one == "")
        assert tool is None or 0 < len(tool) <= 3 * (64 + 1 + 4 + 1 + 4)  # lower case may take up to three letters


@pytest.mark.parametrize(
    ("tool", "by_hand", "console"),
    [
        ("kubectl/1.32", True, False),
        ("kubectl.1.32/1.32", True, False),
        ("curl/8.5", True, False),
        ("python-requests/2.31", False, False),
        ("oc/4.16", True, False),
        ("octant/0.25", False, True),
        ("browser", True, True),
        ("dashboard/2.7", False, True),
        ("headlamp", False, True),
        ("dashboard-metrics-scraper/1.0", False, False),
        ("argocd-application-controller", False, False),
        ("kubelet/1.36", False, False),
        ("unprintable", False, False),
        (None, False, False),
    ],
)
def test_knows_programs_of_people_and_consoles(tool: str | None, by_hand: bool, console: bool) -> None:
    assert (is_by_hand(tool), is_console(tool)) == (by_hand, console)
