from __future__ import annotations

import shlex

import pytest

from tidewaiter.meaning.literal import Output, output_of
from tidewaiter.meaning.setting import UNKNOWN


@pytest.mark.parametrize(
    ("line", "given", "output"),
    [
        ("echo a  b", None, Output("a b")),
        ("echo -n a", None, Output("a")),
        (r"echo -e 'a\nb'", None, Output("a\nb")),
        (r"printf '\x64o %s-%s' x", None, Output("do x-")),
        ("which docker", None, Output("docker")),
        ("command -v docker", None, Output("docker")),
        ("command docker", None, None),
        ("cat", "x", Output("x")),
        ("cat file", "x", None),
        ("base64 -d", "ZG9ja2Vy\n", Output("docker", decoded=True)),
        ("base64 --decode", "ZG9ja2Vy", Output("docker", decoded=True)),
        ("base64", "docker", None),
        ("base64 -d", "%", Output("", decoded=True)),
        ("xxd -r -p", "64 6f", Output("do", decoded=True)),
        ("xxd -r -p", "zz", None),
        ("rev", "ab", Output("ba", decoded=True)),
        ("tr a-z n-za-m", "qbpxre", Output("docker", decoded=True)),
        ("tr -d x", "axb", None),
        ("sed 's/^/docker /'", "ps", Output("docker ps")),
        ("sed s/a/b/", "a", None),
        ("base64 -d", None, None),
        ("frob", "x", None),
    ],
)
def test_what_a_program_prints(line: str, given: str | None, output: Output | None) -> None:
    program, *words = shlex.split(line)
    assert output_of(program, words, given) == output


def test_what_only_the_shell_knows_stays_unknown() -> None:
    assert output_of("echo", [UNKNOWN], None) is None
