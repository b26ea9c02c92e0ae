import io

import pytest

from tidewaiter.cli.progress import Progress, wants_progress
from tidewaiter.wording import Language, Wording

CLEAR = "\r\x1b[K"


class Terminal:
    """A terminal with a clock that is set by hand."""

    def __init__(self, *, enabled: bool = True, language: Language = "en", columns: int = 100) -> None:
        self.now = 1000.0
        self.stream = io.StringIO()
        self.progress = Progress(
            self.stream, Wording(language), enabled=enabled, clock=lambda: self.now, columns=lambda: columns
        )

    def drawn(self) -> list[str]:
        return self.stream.getvalue().split(CLEAR)[1:]


@pytest.mark.parametrize(
    ("terminal", "environment", "asked", "wanted"),
    [
        (True, {"TERM": "xterm"}, True, True),
        (True, {}, True, True),
        (True, {"TERM": "dumb"}, True, False),
        (False, {"TERM": "xterm"}, True, False),
        (True, {"TERM": "xterm"}, False, False),
    ],
)
def test_wants_progress(terminal: bool, environment: dict[str, str], asked: bool, wanted: bool) -> None:
    assert wants_progress(terminal=terminal, environment=environment, asked=asked) is wanted


@pytest.mark.parametrize(
    ("seconds", "read", "records", "findings", "line"),
    [
        (0, 0, 0, 0, "0:00  0 B read  0 records  0 findings"),
        (59, 999, 1, 1, "0:59  999 B read  1 record  1 finding"),
        (60, 1000, 9999, 2, "1:00  1 kB read  9999 records  2 findings"),
        (3600, 1_250_000_000, 1_234_567, 3, "1:00:00  1.2 GB read  1,234,567 records  3 findings"),
        (36000, 5 * 10**15, 0, 0, "10:00:00  5000 TB read  0 records  0 findings"),
    ],
)
def test_draws(seconds: int, read: int, records: int, findings: int, line: str) -> None:
    terminal = Terminal()
    terminal.now += seconds
    terminal.progress.update(read=read, records=records, findings=findings)
    assert terminal.drawn() == [line]


def test_draws_in_russian() -> None:
    terminal = Terminal(language="ru")
    terminal.progress.update(read=1_250_000, records=21, findings=2)
    assert terminal.drawn() == ["0:00  прочитано 1,2 МБ  21 запись  2 находки"]


def test_draws_five_times_a_second_at_most() -> None:
    terminal = Terminal()
    for _ in range(300):
        terminal.progress.update(read=1, records=1)
        terminal.now += 0.01
    assert 14 <= len(terminal.drawn()) <= 15


def test_never_wraps() -> None:
    terminal = Terminal(columns=12)
    terminal.progress.update(read=1, records=1)
    assert terminal.drawn() == ["0:00  1 B r"]


def test_is_silent_unless_enabled() -> None:
    terminal = Terminal(enabled=False)
    with terminal.progress as progress:
        progress.update(read=1, records=1)
        progress.clear()
    assert terminal.stream.getvalue() == ""


def test_takes_its_line_away_once() -> None:
    terminal = Terminal()
    with terminal.progress as progress:
        progress.update(read=1, records=1)
        progress.clear()
    assert terminal.drawn() == ["0:00  1 B read  1 record  0 findings", ""]
