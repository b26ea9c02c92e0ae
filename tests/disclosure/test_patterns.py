"""Every kind is recognised, nothing harmless is, and no secret is in what is told."""

from __future__ import annotations

import re
import time
from itertools import chain

import pytest
from disclosure.fakes import PASSWORD, SECRETS, fake
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.disclosure.checks import CHECKS
from tidewaiter.disclosure.masking import mask
from tidewaiter.disclosure.patterns import categories, expressions, kinds, recognise
from tidewaiter.wording import LANGUAGES

# What a line gives away besides secrets: (kind, name, value).
TOLD: list[tuple[str, list[tuple[str, str, str]]]] = [
    (
        "GET http://169.254.169.254/latest/meta-data/iam/ -> 200",
        [("metadata-service", "", "http://169.254.169.254/latest/meta-data/iam/")],
    ),
    ('{"accountId" : "123456789012"}', [("metadata-answer", "accountId", "123456789012")]),
    ("assumed arn:aws:iam::123456789012:role/node", [("aws-arn", "", "arn:aws:iam::123456789012:role/node")]),
    (
        "pull 123456789012.dkr.ecr.eu-west-1.amazonaws.com/web",
        [("cloud-account", "", "123456789012"), ("cloud-region", "", "eu-west-1")],
    ),
    ("zone europe-west3-a", [("cloud-region", "", "europe-west3-a")]),
    ("zone=ru-central1-b", [("cloud-region", "", "ru-central1-b")]),
    ("location=westeurope", [("cloud-region", "location", "westeurope")]),
    ("location=warehouse, region=us", []),
    ("backup to s3://estate-backups/daily", [("cloud-resource", "", "s3://estate-backups")]),
    ("node i-0a1b2c3d4e5f60718 ready", [("cloud-resource", "", "i-0a1b2c3d4e5f60718")]),
    (
        "AWS_REGION=moon-1",
        [("environment-variable", "AWS_REGION", "moon-1"), ("cloud-environment", "AWS_REGION", "moon-1")],
    ),
    ("booting 6.1.0-1040-azure", [("cloud-kernel", "", "6.1.0-1040-azure")]),
    (
        "KUBERNETES_SERVICE_HOST=10.96.0.1",
        [
            ("kubernetes-environment", "KUBERNETES_SERVICE_HOST", "10.96.0.1"),
            ("environment-variable", "KUBERNETES_SERVICE_HOST", "10.96.0.1"),
        ],
    ),
    ("dial tcp: https://api.k8s.example:6443 refused", [("api-server", "", "https://api.k8s.example:6443")]),
    ("as system:serviceaccount:shop:cart", [("service-account", "", "system:serviceaccount:shop:cart")]),
    (
        "open /var/run/secrets/kubernetes.io/serviceaccount/token",
        [
            ("configuration-file", "", "/var/run/secrets/kubernetes.io/serviceaccount/token"),
            ("service-account-mount", "", "/var/run/secrets/kubernetes.io/serviceaccount/token"),
        ],
    ),
    ("client-certificate-data: x", [("kubeconfig", "", "client-certificate-data")]),
    (
        "peer web-0.web.shop.svc.cluster.local",
        [
            ("cluster-name", "", "web-0.web.shop.svc.cluster.local"),
            ("service-name", "", "web-0.web.shop.svc.cluster.local"),
        ],
    ),
    ("handled by cart-7d4b9c8f6d-x2x4z", [("pod-name", "", "cart-7d4b9c8f6d-x2x4z")]),
    (
        "POD_NAMESPACE=shop",
        [("environment-variable", "POD_NAMESPACE", "shop"), ("cluster-label", "POD_NAMESPACE", "shop")],
    ),
    (f"id containerd://{'ab' * 32}", [("runtime-container", "", f"containerd://{'ab' * 32}")]),
    (
        "DOCKER_HOST=tcp://10.0.0.2:2375",
        [
            ("engine-address", "DOCKER_HOST", "tcp://10.0.0.2:2375"),
            ("environment-variable", "DOCKER_HOST", "tcp://10.0.0.2:2375"),
        ],
    ),
    (
        "using jdbc:postgresql://orders-db/orders?user=a&password=",
        [("connection-string", "", "jdbc:postgresql://orders-db/orders?user=a&password=***")],
    ),
    ("lookup cart.shop.svc: no such host", [("service-name", "", "cart.shop.svc")]),
    (
        "CART_SERVICE_HOST=cart",
        [("environment-variable", "CART_SERVICE_HOST", "cart"), ("service-environment", "CART_SERVICE_HOST", "cart")],
    ),
    ("ECONNREFUSED 10.1.2.3:9999", [("internal-endpoint", "", "10.1.2.3:9999")]),
    ("ECONNREFUSED 10.1.2.300:9999", []),
    ("upstream app.corp.example:8080", [("internal-host", "", "app.corp.example:8080")]),
    ("wait for redis:6379", [("named-service", "", "redis:6379")]),
    ("LOG_LEVEL=debug", [("environment-variable", "LOG_LEVEL", "debug")]),
    ('{"env":"prod"}', [("deployment-stage", "env", "prod")]),
    ("reading /etc/app/app.toml", [("configuration-file", "", "/etc/app/app.toml")]),
    ("GET /app/login/form HTTP/1.1", []),
    ("feature_flag.new_cart=on", [("feature-flag", "", "feature_flag.new_cart=on")]),
    ("Traceback (most recent call last):", [("stack-trace", "", "Traceback (most recent call last)")]),
    ("    at com.shop.Cart.add(Cart.java:42)", [("stack-trace", "", "com.shop.Cart.add(Cart.java:42)")]),
    ("nginx/1.25.3 started", [("product-version", "", "nginx/1.25.3")]),
    ("cart v2.0.7 is up", [("product-version", "", "cart v2.0.7")]),
    ("Linux version 6.1.0-18-amd64", [("kernel-version", "", "Linux version 6.1.0-18-amd64")]),
    ("Debian GNU/Linux 12", [("system-version", "", "Debian GNU/Linux 12")]),
    (" * Debugger is active!", [("debug-page", "", "Debugger is active")]),
]
HARMLESS = [
    "password reset mail sent to user 12",
    "token bucket refilled: 40 of 100",
    "max_tokens=4096 token=512",
    "commit 3f786850e387550fdab836ed7e6dc881de23001b deployed",
    "trace_id=4bf92f3577b34da6a3ce929d0e0e4736",
    "uuid 123e4567-e89b-42d3-a456-426614174000",
    "passwordless login enabled",
    "invalid password: user is locked",
    "token expired: refreshing",
    "password=***",
    "PASSWORD=${DB_PASSWORD}",
    "auth: ok token=<redacted>",
    "Authorization: Bearer [FILTERED]",
    "basic auth enabled",
    "password: null, secret: true",
    "OPENSSH PRIVATE KEY not found, generating one",
    "https://user@example.org/path",
    "token_type=bearer secret_name=db password_changed_at=2026-01-01",
    "secretly: a story",
    "GET /v1/orders 200 12ms HTTP/1.1",
    "listening on 0.0.0.0:8080",
    "key: user:771:cart",
    "10 items in 3.5 s",
]


@pytest.mark.parametrize(
    ("kind", "secret", "line"), SECRETS, ids=[f"{kind}-{n}" for n, (kind, *_) in enumerate(SECRETS)]
)
def test_a_secret_is_named_and_masked(kind: str, secret: str, line: str) -> None:
    found = [one for one in recognise(line) if one.secret]
    assert [(one.kind, one.secret, one.value) for one in found] == [(kind, secret, mask(secret))]
    told = "\n".join(one.value + one.name for one in recognise(line))
    # More than a mask shows of it is nowhere, in no value of the line.
    assert secret[4:] not in told.replace(mask(secret), "")
    assert secret not in told or secret == "-----BEGIN RSA PRIVATE KEY-----"


@pytest.mark.parametrize(("line", "told"), TOLD, ids=[line[:40] for line, _ in TOLD])
def test_what_a_line_tells(line: str, told: list[tuple[str, str, str]]) -> None:
    assert sorted((one.kind, one.name, one.value) for one in recognise(line)) == sorted(told)


@pytest.mark.parametrize("line", HARMLESS)
def test_what_tells_nothing(line: str) -> None:
    assert recognise(line) == ()


def test_every_kind_has_an_example() -> None:
    seen = {kind for kind, *_ in SECRETS} | {kind for kind, *_ in chain.from_iterable(told for _, told in TOLD)}
    assert set(kinds()) == seen


def test_every_check_is_one_and_is_used() -> None:
    assert {kind.check for kind in kinds().values() if kind.check} == set(CHECKS)


def test_every_category_has_kinds_and_words_in_all_languages() -> None:
    assert {kind.category for kind in kinds().values()} == set(categories())
    spoken = [words for one in categories().values() for words in (one.title, one.why, one.fix)]
    spoken += [words for kind in kinds().values() for words in (kind.title, kind.fix or kind.title)]
    assert {tuple(sorted(words)) for words in spoken} == {tuple(sorted(LANGUAGES))}


def test_patterns_are_whole() -> None:
    assert [text for kind in kinds().values() for text in expressions(kind) if re.search("<<|>>", text)] == []


@pytest.mark.parametrize("stem", ["eyJ", "a.", "password=", "-----BEGIN ", "x://", "10.0.0.1:", "%", "[", "A_", "-a"])
def test_no_line_takes_long(stem: str) -> None:
    line = (stem * 262144)[:262144]
    began = time.process_time()
    recognise(line)
    assert time.process_time() - began < 20  # with backtracking it would be hours


def test_a_large_line_is_searched_to_its_end() -> None:
    """RE2 gives up without a word when its memory is too small."""
    noise = fake("", 200_000, "abcdefghij0123456789:/.=- \"'{}[],")
    assert "aws-access-key" in [one.kind for one in recognise(f"{noise} {SECRETS[0][1]} {noise}")]


@given(st.text(max_size=300))
def test_anything_can_be_a_line(text: str) -> None:
    line = text.encode("utf-8", "replace").decode()
    for one in recognise(f"{line} DB_PASSWORD={PASSWORD} {line}"):
        assert PASSWORD[4:] not in one.value
        assert 0 <= one.start <= 2 * len(line) + 40
