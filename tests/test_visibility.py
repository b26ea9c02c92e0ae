import pytest

from tidewaiter.meaning.vocabulary import load
from tidewaiter.sources.catalogue import sources
from tidewaiter.visibility import STATES, Heard, Way, named_sources, ways
from tidewaiter.wording import LANGUAGES, Wording
from tidewaiter.wording.catalogue import Language, commands

AUDIT = Heard(source="kube-audit", plane="kubernetes")
HOST = Heard(source="auditd", plane="host")


def way(name: str, *inputs: Heard) -> Way:
    (found,) = (one for one in ways(inputs) if one.way == name)
    return found


def test_without_inputs_nothing_is_seen_and_no_reason_is_made_up() -> None:
    assert {(one.state, one.by, one.why) for one in ways(())} == {("not", (), ())}


@pytest.mark.parametrize(
    ("says", "state", "by", "why"),
    [
        ((), "seen", ("kube-audit",), ()),
        (("dockerd-no-debug",), "seen", ("kube-audit",), ()),
        (("kube-only-request-received",), "partly", ("kube-audit",), ("kube-only-request-received",)),
        (("aks-audit-admin",), "not", (), ("aks-audit-admin",)),
        (("aks-audit-admin", "kube-no-verb"), "not", (), ("aks-audit-admin",)),
    ],
)
def test_what_an_input_says_of_itself_counts(
    says: tuple[str, ...], state: str, by: tuple[str, ...], why: tuple[str, ...]
) -> None:
    heard = Heard(source="kube-audit", plane="kubernetes", says=frozenset(says))
    assert way("kube-api", heard) == Way(way="kube-api", state=state, by=by, why=why)  # type: ignore[arg-type]


def test_the_best_input_decides() -> None:
    blind = Heard(source="kube-audit", plane="kubernetes", says=frozenset({"kube-no-reads"}))
    assert way("kube-api", blind, AUDIT) == Way(way="kube-api", state="seen", by=("kube-audit",))


def test_a_sensor_of_part_of_it_is_no_sensor_of_all_of_it() -> None:
    assert way("engine-socket", HOST) == Way(way="engine-socket", state="partly", by=("auditd",))
    assert way("host-commands", HOST).state == "seen"
    assert way("kube-api", HOST) == Way(way="kube-api", state="not")


def test_every_source_named_exists_and_every_source_shows_something() -> None:
    assert named_sources() <= {source.name for source in sources()}
    for source in sources():
        found = ways([Heard(source=source.name, plane=source.plane, says=frozenset(source.blind_to))])
        assert any(one.state != "not" for one in found), source.name


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_way_has_words_and_a_line_that_opens_it(language: Language) -> None:
    wording = Wording(language)
    assert all(wording.say(f"way.{name}") and wording.opened(name) for name in load("ways.yml"))
    assert all(wording.say(f"way.state.{state}") for state in STATES)
    assert {key.removeprefix("open.") for key in commands() if key.startswith("open.")} == {*load("ways.yml")}


def test_every_reason_has_words() -> None:
    wording = Wording("en")
    for rule in load("ways.yml").values():
        for key in (*rule.get("closed_by", ()), *rule.get("dimmed_by", ())):
            assert wording.knows(f"cannot.{key}"), key
