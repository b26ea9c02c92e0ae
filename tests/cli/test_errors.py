import io

import click
import pytest

from tidewaiter.cli.errors import Exit, finished, report
from tidewaiter.errors import CollectError, ConfigError, RuleError, SourceError, StoreError, TidewaiterError


def reported(problem: BaseException, *, debug: bool = False) -> tuple[int, str]:
    stream = io.StringIO()
    code = report(problem, debug=debug, stream=stream)
    return int(code), stream.getvalue()


def test_exit_codes_are_a_promise() -> None:
    assert {code.name: int(code) for code in Exit} == {
        "FINISHED": 0,
        "CANNOT_FINISH": 1,
        "USAGE": 2,
        "INCOMPLETE": 3,
        "FOUND": 10,
    }


@pytest.mark.parametrize(
    ("found", "incomplete", "code"), [(False, False, 0), (False, True, 3), (True, False, 10), (True, True, 10)]
)
def test_finished(found: bool, incomplete: bool, code: int) -> None:
    assert finished(found=found, incomplete=incomplete) == code


@pytest.mark.parametrize(
    ("kind", "code"),
    [(ConfigError, 2), (RuleError, 2), (SourceError, 1), (StoreError, 1), (CollectError, 1), (TidewaiterError, 1)],
)
def test_our_errors_in_three_lines(kind: type[TidewaiterError], code: int) -> None:
    problem = kind("it broke", where="a.yml:3", hint="mend it")
    assert reported(problem) == (code, "error: it broke\nwhere: a.yml:3\nhint: mend it\n")


def test_what_is_not_known_is_left_out() -> None:
    assert reported(SourceError("it broke")) == (1, "error: it broke\n")


def test_names_from_outside_cannot_write_on_the_terminal() -> None:
    problem = SourceError("bad\x1b[2J", where="a\nhint: run this.log", hint="\u202e")
    assert reported(problem) == (1, "error: bad\\x1b[2J\nwhere: a\\nhint: run this.log\nhint: \\u202e\n")


@click.command()
@click.argument("path")
@click.option("--level", type=click.Choice(["low", "high"]))
def scan(path: str, level: str | None) -> None:
    raise AssertionError(path, level)


@click.group()
def tidewaiter() -> None:
    pass


tidewaiter.add_command(scan)

WHERE = "where: tidewaiter scan\n"
HINT = "hint: tidewaiter scan --help shows what it takes\n"


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["scan"], f"error: Missing argument 'PATH'\n{WHERE}{HINT}"),
        (["scan", "--zzz", "x"], f"error: No such option '--zzz'\n{WHERE}{HINT}"),
        (
            ["scan", "x", "--level", "x"],
            f"error: Invalid value for '--level': 'x' is not one of 'low', 'high'\n{WHERE}{HINT}",
        ),
        (["look"], "error: No such command 'look'\nwhere: tidewaiter\nhint: tidewaiter --help shows what it takes\n"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_usage_errors_have_the_same_form(arguments: list[str], printed: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        tidewaiter.main(arguments, prog_name="tidewaiter", standalone_mode=False)
    assert reported(caught.value) == (2, printed)


def test_a_group_without_a_command_shows_its_help() -> None:
    with pytest.raises(click.exceptions.NoArgsIsHelpError) as caught:
        tidewaiter.main([], prog_name="tidewaiter", standalone_mode=False)
    code, printed = reported(caught.value)
    assert (code, printed.splitlines()[0]) == (2, "Usage: tidewaiter [OPTIONS] COMMAND [ARGS]...")


@pytest.mark.parametrize(
    ("problem", "printed"),
    [
        (KeyboardInterrupt(), "error: interrupted\nhint: nothing was decided about what had not been read yet\n"),
        (click.Abort(), "error: interrupted\nhint: nothing was decided about what had not been read yet\n"),
        (click.FileError("x.log", "denied"), "error: Could not open file 'x.log': denied\n"),
        (OSError(28, "No space left on device", "x.db"), "error: No space left on device\nwhere: x.db\n"),
    ],
    ids=str,
)
def test_what_comes_from_outside(problem: BaseException, printed: str) -> None:
    assert reported(problem) == (1, printed)


def failing() -> BaseException:
    with pytest.raises(ValueError, match="ten") as caught:
        int("ten")
    return caught.value


def test_a_mistake_of_ours_says_so_without_a_traceback() -> None:
    code, printed = reported(failing())
    first, where, hint = printed.splitlines()
    assert (code, first) == (1, "error: unexpected ValueError: invalid literal for int() with base 10: 'ten'")
    assert where.startswith(f"where: {__file__}:")
    assert hint == "hint: this is a mistake in tidewaiter; run it again with --debug and report what it prints"


def test_debug_shows_the_traceback_first() -> None:
    _, printed = reported(failing(), debug=True)
    assert printed.startswith("Traceback (most recent call last):\n")
    assert printed.splitlines()[-3:] == reported(failing())[1].splitlines()
