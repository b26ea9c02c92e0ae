import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.meaning.powershell import Told, as_posix, decoded_inside, read_options, started_by

HIDDEN = base64.b64encode("docker ps".encode("utf-16-le")).decode()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["docker", "ps"], Told("docker ps")),
        (["-c", "docker ps"], Told("docker ps")),
        (["-NoProfile", "-ExecutionPolicy", "Bypass", "-Command", "docker", "ps"], Told("docker ps")),
        (["-nop", "-w", "hidden", "-com", "docker ps"], Told("docker ps")),
        (["-Command:docker ps"], Told("docker ps")),
        (["/c", "docker ps"], Told("docker ps")),
        (["-Command", "-"], None),
        (["-Command"], None),
        (["-File", "x.ps1"], None),
        (["-f", "x.ps1"], None),
        (["-NoExit"], None),
        ([], None),
        (["-ec", "a"], Told("", encoded=True)),
        (["-ec"], Told("", encoded=True)),
        (["-EncodedCommand:" + HIDDEN], Told("docker ps", encoded=True)),
        (["\u2013enc", HIDDEN], Told("docker ps", encoded=True)),
    ],
)
def test_options(words: list[str], told: Told | None) -> None:
    assert read_options(words) == told


@pytest.mark.parametrize("length", range(2, len("-encodedcommand") + 1))
def test_every_beginning_of_the_option_is_taken(length: int) -> None:
    assert read_options(["-EncodedCommand"[:length], HIDDEN]) == Told("docker ps", encoded=True)


@pytest.mark.parametrize(
    ("script", "posix"),
    [
        ("docker ps", "docker ps"),
        (r"C:\t\docker.exe ps", r"C:\\t\\docker.exe ps"),
        ("doc`ker ps", r"doc\ker ps"),
        ("'it''s' x", "'it'\\''s' x"),
        ("'open", "'open'"),
        ('"a`"b""c \\ $x.y $"', '"a\\"b\\"c \\\\ ${x}.y $"'),
        ("$d = 'docker'; & $d ps", "d='docker'; & ${d} ps"),
        ("$ids = docker ps -q", "ids=$(docker ps -q)"),
        ("$ids = (docker ps -q); id", "ids=$(docker ps -q); id"),
        ("docker inspect (docker ps -q)", "docker inspect $(docker ps -q)"),
        ("docker inspect $(docker ps -q)", "docker inspect $(docker ps -q)"),
        ("docker ps -q | % { docker inspect $_ }", "docker ps -q | while read _; do  docker inspect ${_} ; done "),
        ("$env:X ${a}", "${X} ${a}"),
        ("<# docker ps #> id", "  id"),
        ("a`\nb", "ab"),
        ("a $", r"a \$"),
    ],
)
def test_a_script_as_a_posix_shell_has_it(script: str, posix: str) -> None:
    assert as_posix(script) == posix


@given(st.text(alphabet=st.sampled_from("ab $(){}'\"`;|&%=\n\\<#>")))
def test_any_script_is_rewritten(script: str) -> None:
    assert len(as_posix(script)) <= 16 * len(script) + 16


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["docker", "-ArgumentList", "ps,-a"], ["docker", "ps", "-a"]),
        (["-FilePath", "docker", "-Arg", "ps", "-Verb", "RunAs", "-Wait"], ["docker", "ps"]),
        (["docker", "ps"], ["docker", "ps"]),
        (["-Wait"], []),
    ],
)
def test_what_start_process_starts(words: list[str], command: list[str]) -> None:
    assert started_by(words) == command


def test_texts_decoded_by_a_script() -> None:
    plain = base64.b64encode(b"docker ps").decode()
    assert (
        decoded_inside(f"[Convert]::FromBase64String('{plain}') frombase64string( \"{HIDDEN}\")") == ["docker ps"] * 2
    )
    assert decoded_inside("[Convert]::FromBase64String('aaaaa')") == []
    assert decoded_inside("docker ps") == []
