from __future__ import annotations

import pytest
from disclosure.test_collecting import collected

from tidewaiter.disclosure.page import TOP, render
from tidewaiter.disclosure.telling import Aside, Summary, Unread
from tidewaiter.wording import Wording

EN = Wording("en")
NOTHING = Summary(
    files=0,
    lines=0,
    long_lines=0,
    told=0,
    times=0,
    left_out=0,
    second_opinion=None,
    unreadable=0,
    places=(),
    set_aside=(),
)


def page(*lines: str, summary: Summary = NOTHING, **options: object) -> str:
    return "".join(render(collected(*lines).disclosures(), summary, wording=EN, **options))  # type: ignore[arg-type]


def test_only_the_worst_of_a_category_are_shown() -> None:
    lines = [f"peer 10.0.0.{number}:80" for number in range(TOP + 3)]
    assert page(*lines).count("private address with its port") == TOP
    assert "    and 3 more; --all shows them.\n" in page(*lines)
    assert page(*lines, top=None).count("private address with its port") == TOP + 3


@pytest.mark.parametrize("width", [20, 60, 100])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    text = page(*(f"open /etc/app/{'x' * 60} by node v1.2.{n}" for n in range(3)), width=width)
    assert max(map(len, text.splitlines())) <= max(width, 40)


def test_colour_only_adds_to_words() -> None:
    plain, painted = page("nginx/1.25.3"), page("nginx/1.25.3", colour=True)
    assert painted != plain
    assert "\x1b[36mLOW\x1b[0m  product and version: nginx/1.25.3" in painted


def test_a_summary_says_what_was_not_read() -> None:
    summary = Summary(
        files=2, lines=10, long_lines=1, told=0, times=0, left_out=3, second_opinion="CredSweeper 1.19.5", unreadable=4,
        places=tuple(Unread(path=f"{n}.log", line=n, reason="broken-json") for n in range(4)),
        set_aside=(Aside(path="local.log", reason="binary: too many control characters for a text"),),
    )  # fmt: skip
    text = page(summary=summary)
    assert "\nNothing that gives anything away was recognised.\n" in text
    assert "  2 files, 10 lines of containers\n  Second opinion on credentials: CredSweeper 1.19.5\n" in text
    assert "  1 very long line was looked at piece by piece.\n  3 more sightings were only counted" in text
    assert "\n  2.log:2  not valid JSON\n\nSet aside\n  local.log  not text" in text
