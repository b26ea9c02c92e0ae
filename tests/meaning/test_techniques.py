import re

import pytest

from tidewaiter.meaning.techniques import attack_version, tactics, technique_name
from tidewaiter.recognise.pack import packaged


@pytest.mark.parametrize(
    ("technique", "name", "found"),
    [
        ("T1613", "Container and Resource Discovery", (("TA0007", "Discovery"),)),
        ("T1552.007", "Container API", (("TA0006", "Credential Access"),)),
        ("T1610", "Deploy Container", (("TA0005", "Defense Evasion"), ("TA0002", "Execution"))),
        ("T1552.999", None, (("TA0006", "Credential Access"),)),
        ("T9999", None, ()),
        ("", None, ()),
    ],
)
def test_a_technique_has_a_name_and_tactics(
    technique: str, name: str | None, found: tuple[tuple[str, str], ...]
) -> None:
    assert (technique_name(technique), tactics(technique)) == (name, found)


def test_the_version_is_told() -> None:
    assert re.fullmatch(r"\d+(\.\d+)?", attack_version())


def test_every_technique_of_our_rules_is_known() -> None:
    pack = packaged()
    abouts = [*(rule.about for rule in pack.recognisers), *(rule.about for rule in pack.correlations)]
    named = {technique for about in abouts for technique in about.techniques}
    parents = {technique.partition(".")[0] for technique in named}
    assert {technique for technique in named | parents if not technique_name(technique)} == set()
