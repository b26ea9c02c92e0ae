import re

import pytest

from tidewaiter.meaning import triggers
from tidewaiter.meaning.commandline import TOOL_WORDS
from tidewaiter.meaning.vocabulary import load


@pytest.mark.parametrize(
    "pattern",
    [
        triggers.PLACES,
        triggers.SHELL_MARKS,
        triggers.client_marks(),
        triggers.around_marks(),
        *dict.fromkeys(triggers.argument_marks().values()),
    ],
)
def test_every_pattern_serves_words_and_bytes_alike(pattern: str) -> None:
    assert pattern.isascii()
    for text in ("", "x", "/.dockerenv any.any.svc 10250 http://169.254.169.254 $(x)"):
        assert bool(re.search(pattern, text)) is bool(re.search(pattern.encode(), text.encode()))


def test_programs_with_marks_are_reacted_to() -> None:
    assert set(triggers.argument_marks()) <= TOOL_WORDS


def test_every_host_and_port_of_the_tables_is_a_mark() -> None:
    asked = re.compile(triggers.client_marks())
    http = load("tools/http.yml")
    words = [*http["sockets"], *load("surroundings.yml")["metadata_hosts"].split(), "x:10250", "x:2379", "2852039166"]
    assert [word for word in words if not asked.search(word)] == []


def test_every_path_of_a_neighbour_is_a_mark() -> None:
    asked = re.compile(triggers.client_marks(), re.IGNORECASE)
    paths = [row[1].replace("{", "").replace("}", "") for row in load("console_routes.yml")["neighbours"]]
    assert [path for path in paths if not asked.search(f"http://h:5000{path}")] == []
