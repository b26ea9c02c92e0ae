import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.meaning.cmd_shell import as_posix


@pytest.mark.parametrize(
    ("script", "posix"),
    [
        ("docker ps", "docker ps"),
        ("  docker ps", "docker ps"),
        ("doc^ker ps", r"doc\ker ps"),
        ("a^\nb", "ab"),
        (r"C:\t\docker.exe ps", r"C:\\t\\docker.exe ps"),
        ("docker ps & docker images", "docker ps & docker images"),
        ("@docker ps &@id", "docker ps &id"),
        ("mail a@b", "mail a@b"),
        ('"a b" c', '"a b" c'),
        ('d"ocker ps', "docker ps"),  # the other quotes went away when the line was split
        ("set d=docker& %d% ps", "set d=docker& ${d} ps"),
        ("set d=docker ps", r"set d=docker\ ps"),
        ('set "d=docker ps"', r"set d=docker\ ps"),
        ("!d! %d:~0,3% 100%", "${d} ${d} 100%"),
        ("for /f %i in ('docker ps -q') do docker inspect %i", "for i in $(docker ps -q); do  docker inspect ${i}"),
        ('for /F "tokens=1" %%a in (`docker ps`) do @echo %%a', "for a in $(docker ps); do  echo ${a}"),
        ("a;b 'c' $d `e` #f", r"a\;b \'c\' \$d \`e\` \#f"),
    ],
)
def test_a_script_as_a_posix_shell_has_it(script: str, posix: str) -> None:
    assert as_posix(script) == posix


@given(st.text(alphabet=st.sampled_from("ab \"'^%!&|()@=;\n\\for/in")))
def test_any_script_is_rewritten(script: str) -> None:
    assert len(as_posix(script)) <= 8 * len(script) + 8
