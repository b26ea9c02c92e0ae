from __future__ import annotations

import pytest
from disclosure.fakes import PASSWORD
from disclosure.test_collecting import collected

from tidewaiter.disclosure.collecting import Said
from tidewaiter.disclosure.masking import mask
from tidewaiter.disclosure.telling import fixes, record, title
from tidewaiter.wording import Wording

EN, RU = Wording("en"), Wording("ru")


def test_a_record_says_everything_in_words() -> None:
    [one] = collected(f"mysqld --password={PASSWORD}").disclosures()
    found = record(one, EN)
    assert (found["schema"], found["kind"], found["value"]) == (
        "tidewaiter.disclosure/1",
        "secret-option",
        mask(PASSWORD),
    )
    assert found["title"] == "secret on a command line"
    assert found["why"].startswith("Whoever reads the log can use them at once")
    assert found["fix"].startswith("Give the secret as a file")
    assert record(one, RU)["title"] == "секрет в командной строке"


def test_what_all_kinds_of_a_category_need_comes_first_and_once() -> None:
    said = fixes("service", ["engine-address", "internal-host", "engine-address"], EN)
    assert [text.partition(" ")[0] for text in said] == ["Log", "Take"]


@pytest.mark.parametrize(("wording", "expected"), [(EN, "another detector"), (RU, "другой детектор")])
def test_what_only_the_other_detector_knows_has_words(wording: Wording, expected: str) -> None:
    said = Said("Nonce", "n", "aB3dE5fG7hJ9")
    [one] = collected("n aB3dE5fG7hJ9", ask=lambda _: [said]).disclosures()
    assert expected in title(one.kind, wording)
    assert record(one, wording)["second_opinion"] == "alone"
