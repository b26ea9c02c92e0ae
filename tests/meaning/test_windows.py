import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.meaning.windows import MAX_WORDS, split_command_line


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("docker ps -a", ["docker", "ps", "-a"]),
        ("  docker\t ps  ", ["docker", "ps"]),
        ("", []),
        (" \t\r\n", []),
        ("docker ps\0", ["docker", "ps"]),
        # The examples of Microsoft Learn, "Parsing C command-line arguments".
        ('x "a b c" d e', ["x", "a b c", "d", "e"]),
        (r'x "ab\"c" "\\" d', ["x", 'ab"c', "\\", "d"]),
        (r'x a\\\b d"e f"g h', ["x", r"a\\\b", "de fg", "h"]),
        (r"x a\\\"b c d", ["x", r"a\"b", "c", "d"]),
        (r'x a\\\\"b c" d e', ["x", r"a\\b c", "d", "e"]),
        ('x a"b"" c d', ["x", 'ab" c d']),
        ('x ""', ["x", ""]),
        ('x "not closed', ["x", "not closed"]),
        # In the program's name no backslash protects a quote.
        (r'"C:\Program Files\Docker\Docker.EXE" ps', [r"C:\Program Files\Docker\Docker.EXE", "ps"]),
        (r'"C:\Program Files"\docker.exe ps', [r"C:\Program Files\docker.exe", "ps"]),
        (r'"C:\tools\"docker.exe ps', [r"C:\tools\docker.exe", "ps"]),
        # CreateProcess looks for the program in a path with blanks that nobody has quoted.
        (r"C:\Program Files\Docker\docker.exe ps", [r"C:\Program Files\Docker\docker.exe", "ps"]),
        (r"C:\Windows\system32\cmd.exe /c type a.exe", [r"C:\Windows\system32\cmd.exe", "/c", "type", "a.exe"]),
        (r"C:\tools\run it", [r"C:\tools\run", "it"]),
        ('cmd /c "docker ps"', ["cmd", "/c", "docker ps"]),
        ('docker ps --format "{{json .}}"', ["docker", "ps", "--format", "{{json .}}"]),
        ('"docker', ["docker"]),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert split_command_line(text) == words


@given(st.lists(st.text(alphabet=st.sampled_from('ab \\"\t{}')), max_size=8))
def test_what_python_joins_is_taken_apart_again(arguments: list[str]) -> None:
    # The rule of `subprocess.list2cmdline`, written out: it is not part of Python's documented interface.
    quoted = []
    for word in arguments:
        escaped = ""
        for at, letter in enumerate(word):
            run = len(word[at:]) - len(word[at:].lstrip("\\"))
            before_quote = letter == "\\" and word[at + run : at + run + 1] in {"", '"'}
            escaped += "\\\\" if before_quote else '\\"' if letter == '"' else letter
        quoted.append(f'"{escaped}"')
    assert split_command_line(" ".join(["x", *quoted])) == ["x", *arguments]


@given(st.text())
def test_any_text_is_accepted(text: str) -> None:
    assert len(split_command_line(text)) <= MAX_WORDS
