"""The audit policy keeps what tidewaiter needs and no body; the webhook and the flags fit it and the service."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml
from starlette.routing import Match, Route

from tidewaiter.service.http import FORMS
from tidewaiter.settings.http import Http

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"
AUDIT = Path(__file__).parents[1] / "data" / "kubernetes" / "audit.jsonl"


def load(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text())


POLICY = load("audit-policy.yaml")
FLAGS = dict(
    flag.removeprefix("--").split("=", 1)
    for flag in load("kube-apiserver-flags.yaml")["spec"]["containers"][0]["command"][1:]
)


def level(event: dict[str, Any]) -> str:
    """Give the level of the first rule that fits, as kube-apiserver chooses it."""
    return next((str(rule["level"]) for rule in POLICY["rules"] if _fits(rule, event)), "None")


def _fits(rule: dict[str, Any], event: dict[str, Any]) -> bool:
    user, object_of = event.get("user", {}), event.get("objectRef")
    if "users" in rule and user.get("username") not in rule["users"]:
        return False
    if "userGroups" in rule and not set(rule["userGroups"]) & set(user.get("groups", ())):
        return False
    if "verbs" in rule and event["verb"] not in rule["verbs"]:
        return False
    if "resources" in rule:
        return object_of is not None and any(_is_of(one, object_of) for one in rule["resources"])
    if "nonResourceURLs" in rule:
        path = event["requestURI"].partition("?")[0]
        return object_of is None and any(fnmatchcase(path, one) for one in rule["nonResourceURLs"])
    return True


def _is_of(one: dict[str, Any], object_of: dict[str, Any]) -> bool:
    name = "/".join(filter(None, (object_of["resource"], object_of.get("subresource"))))
    return one["group"] == object_of.get("apiGroup", "") and name in one["resources"]


def event(
    verb: str, uri: str, resource: str = "", *, group: str = "", user: str = "ada", sort: str = ""
) -> dict[str, Any]:
    kind, _, sub = resource.partition("/")
    found: dict[str, Any] = {"verb": verb, "requestURI": uri, "user": {"username": user, "groups": [sort]}}
    if resource:
        found["objectRef"] = {"resource": kind, "apiGroup": group, **({"subresource": sub} if sub else {})}
    return found


@pytest.mark.parametrize(
    ("one", "wanted"),
    [
        (event("list", "/api/v1/secrets", "secrets"), "Metadata"),
        (event("get", "/api/v1/namespaces/a/configmaps/b", "configmaps"), "Metadata"),
        (event("create", "/api/v1/namespaces/a/serviceaccounts/b/token", "serviceaccounts/token"), "Metadata"),
        (event("list", "/api/v1/events", "events"), "Metadata"),
        (event("create", "/api/v1/namespaces/a/events", "events"), "None"),
        (event("get", "/apis?timeout=32s"), "Metadata"),
        (event("get", "/version"), "Metadata"),
        (event("get", "/livez?verbose"), "None"),
        (event("list", "/api/v1/pods", "pods", user="system:node:n1", sort="system:nodes"), "Metadata"),
        (event("patch", "/api/v1/nodes/n1/status", "nodes/status", sort="system:nodes"), "None"),
        (event("update", "/apis/…/leases/x", "leases", group="coordination.k8s.io", sort="system:nodes"), "None"),
        (event("list", "/apis/…/leases", "leases", group="coordination.k8s.io", sort="system:nodes"), "Metadata"),
        (event("list", "/api/v1/pods", "pods", user="system:kube-scheduler"), "Metadata"),
        (
            event("create", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", "selfsubjectrulesreviews"),
            "Metadata",
        ),
    ],
)
def test_each_request_has_the_level_it_needs(one: dict[str, Any], wanted: str) -> None:
    assert level(one) == wanted


def test_no_body_is_ever_kept() -> None:
    assert {rule["level"] for rule in POLICY["rules"]} == {"None", "Metadata"}
    assert POLICY["omitStages"] == ["RequestReceived"], "a 401 is written at ResponseStarted only"


def test_what_is_judged_in_a_recorded_log_stays_in_it() -> None:
    """Everything in the sample of a real cluster that reads what others own, or is refused."""
    told = [json.loads(line) for line in AUDIT.read_bytes().splitlines()]
    reads = [
        one
        for one in told
        if one["verb"] in {"list", "watch"} or one.get("responseStatus", {}).get("code") in {401, 403}
    ]
    assert reads
    assert [one["requestURI"] for one in reads if level(one) != "Metadata"] == []


def test_the_webhook_leads_to_the_intake() -> None:
    config = load("audit-webhook.kubeconfig.yaml")
    (cluster,), (user,), (context,) = config["clusters"], config["users"], config["contexts"]
    assert context["context"] == {"cluster": cluster["name"], "user": user["name"]}
    assert config["current-context"] == context["name"]
    server = cluster["cluster"]["server"]
    assert server.startswith("https://")
    assert "?" not in server, "kube-apiserver drops a query"
    path = "/" + server.partition("://")[2].partition("/")[2]
    scope = {"type": "http", "method": "POST", "path": path}
    found = [form.route for form in FORMS if Route(form.path, print).matches(scope)[0] == Match.FULL]
    assert found == ["kubernetes"]


def test_the_flags_name_these_files_and_fit_the_limits() -> None:
    folder = "/etc/kubernetes/tidewaiter/"
    assert FLAGS["audit-policy-file"] == f"{folder}audit-policy.yaml"
    assert FLAGS["audit-webhook-config-file"] == f"{folder}audit-webhook.kubeconfig.yaml"
    assert FLAGS["audit-webhook-mode"] == "batch"
    assert int(FLAGS["audit-webhook-truncate-max-batch-size"]) <= Http().most_body
    size, rate = int(FLAGS["audit-webhook-batch-max-size"]), int(FLAGS["audit-webhook-batch-throttle-qps"])
    assert rate <= Http().source_requests
    assert size * rate == 20_000, "events a second that the API server can send"
