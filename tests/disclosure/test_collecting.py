from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
import pytest
from disclosure.fakes import AWS_KEY, PASSWORD, PEM, fake

from tidewaiter.disclosure.collecting import MOST_OF_A_KIND, Ask, Collector, Disclosure, Place, Said
from tidewaiter.disclosure.entries import Entry, Writer
from tidewaiter.disclosure.joining import Joiner
from tidewaiter.disclosure.masking import mask

AT = datetime(2026, 11, 23, 9, 39, 57, tzinfo=UTC)
WEB = Writer(container="web", pod="web-0", namespace="shop", stream="stdout")


def collected(*lines: str, ask: Ask | None = None, limit: int = 1 << 18, writer: Writer = WEB) -> Collector:
    collector, joiner = Collector(ask), Joiner(limit)
    for number, text in enumerate(lines, 1):
        for line in joiner.take(Entry(text, True, writer, AT, number, number * 100)):
            collector.take("web.log", line)
    return collector


def kinds(collector: Collector) -> list[tuple[str, str, int]]:
    return [(one.kind, one.value, one.times) for one in collector.disclosures()]


def place(line: int) -> Place:
    return Place(path="web.log", line=line, offset=line * 100, at=AT)


def test_a_thing_is_told_once_with_its_first_and_last_place() -> None:
    collector = collected("reading /etc/app/x.yml", "quiet", f"DB_PASSWORD={PASSWORD}", f"again DB_PASSWORD={PASSWORD}")
    secret = Disclosure(
        category="credential",
        kind="secret-setting",
        level="high",
        confidence=0.85,
        name="DB_PASSWORD",
        value=mask(PASSWORD),
        secret=True,
        times=2,
        container="web",
        pod="web-0",
        namespace="shop",
        streams=("stdout",),
        first=place(3),
        last=place(4),
        second_opinion="absent",
    )
    file = msgspec.structs.replace(
        secret,
        category="configuration",
        kind="configuration-file",
        level="low",
        confidence=0.8,
        name=None,
        value="/etc/app/x.yml",
        secret=False,
        times=1,
        first=place(1),
        last=place(1),
        second_opinion="not-asked",
    )
    assert list(collector.disclosures()) == [secret, file]
    assert (collector.lines, collector.hits) == (4, 3)


def test_containers_are_told_apart() -> None:
    collector = Collector()
    joiner = Joiner()
    for name in ("a", "b"):
        for line in joiner.take(Entry("nginx/1.25.3", True, Writer(container=name), None, 1, 0)):
            collector.take("x", line)
    assert [one.container for one in collector.disclosures()] == ["a", "b"]


@pytest.mark.parametrize("head", ["", "k8s secret: "])
def test_the_lines_of_a_private_key_are_told_as_nothing_else(head: str) -> None:
    first, *rest = PEM
    collector = collected(head + first, *rest, "nginx/1.25.3")
    assert kinds(collector) == [("private-key", mask(first), 1), ("product-version", "nginx/1.25.3", 1)]


def test_a_key_that_never_comes_hides_nothing() -> None:
    collector = collected(PEM[0], "nginx/1.25.3 started again")
    assert [kind for kind, *_ in kinds(collector)] == ["private-key", "product-version"]


def test_a_key_on_one_line_ends_there() -> None:
    collector = collected("\\n".join(PEM), "AAAA")
    assert kinds(collector) == [("private-key", mask("\\n".join(PEM)), 1)]


@pytest.mark.parametrize("at", [8000, 8170, 10_000, 12_288, 14_000, 16_380])
def test_what_lies_across_the_windows_of_a_long_line_is_told_once(at: int) -> None:
    line = " " * at + AWS_KEY + " " * (40_000 - at)
    assert kinds(collected(line, limit=12_288)) == [("aws-access-key", mask(AWS_KEY), 1)]


def test_only_so_many_values_of_a_kind_are_told() -> None:
    collector = collected(*(f"peer 10.0.{number // 250}.{number % 250}:80" for number in range(MOST_OF_A_KIND + 3)))
    assert len(list(collector.disclosures())) == MOST_OF_A_KIND
    assert (sum(collector.left_out.values()), collector.hits) == (3, MOST_OF_A_KIND + 3)


def test_attributes_are_looked_at_once_for_each_container() -> None:
    collector = Collector()
    for number in range(1, 4):
        for line in Joiner().take(Entry('TOKEN="' + PASSWORD + '"', True, WEB, None, number, 0)):
            collector.take_attributes("x", line)
    assert [(one.kind, one.times) for one in collector.disclosures()] == [("secret-setting", 1)]


ALONE = fake("", 24)


@pytest.mark.parametrize(
    ("line", "said", "expected"),
    [
        (f"DB_PASSWORD={PASSWORD}", [Said("Password", "DB_PASSWORD", PASSWORD)], ("secret-setting", 0.95, "agrees")),
        (f"DB_PASSWORD={PASSWORD}", [], ("secret-setting", 0.85, "silent")),
        (f"nonce {ALONE}", [Said("Nonce", "nonce", ALONE)], ("second-opinion", 0.5, "alone")),
        (f"id {'0a' * 32}", [Said("Key", "id", "0a" * 32)], None),  # of a container, or a digest
        ("nonce refreshed", [Said("Nonce", "nonce", "refreshed")], None),  # a word
        ("nginx/1.25.3-deb12u1", [Said("Key", "", "nginx/1.25.3-deb12u1")], ("product-version", 0.85, "not-asked")),
    ],
)
def test_a_second_opinion(line: str, said: Sequence[Said], expected: tuple[str, float, str] | None) -> None:
    found = list(collected(line, ask=lambda _: said).disclosures())
    credentials = [(one.kind, one.confidence, one.second_opinion) for one in found if one.category != "configuration"]
    assert credentials == ([expected] if expected else [])


def test_what_only_the_second_detector_knows_stands_in_no_other_value() -> None:
    found = list(collected(f"APP_SEED={ALONE}", ask=lambda _: [Said("Seed", "APP_SEED", ALONE)]).disclosures())
    assert [(one.kind, one.value) for one in found] == [
        ("second-opinion", mask(ALONE)),
        ("environment-variable", "***"),
    ]
