from __future__ import annotations

import msgspec
import pytest

from tidewaiter.service.tails.places import FilePlace, Position, holds, mark, marked, position_from


class Text:
    def __init__(self, data: bytes) -> None:
        self.data = data

    def read_at(self, offset: int, size: int) -> bytes:
        return self.data[offset : offset + size]


def test_a_position_is_text_and_comes_back_whole() -> None:
    place = FilePlace(device=1, inode=2, offset=3, line=4, head="a", tail="b", modified=5, inside_long=True, ended=True)
    position = Position(files=(place, FilePlace(device=1, inode=9)), target="/elsewhere/a.log")
    assert position_from(position.text()) == position
    assert Position(files=(FilePlace(device=1, inode=9),)).text() == '{"files":[{"device":1,"inode":9}]}'


@pytest.mark.parametrize("text", ["", "{", "[]", '{"files":1}', "\udcff"])
def test_other_text_is_no_position(text: str) -> None:
    assert position_from(text) is None


@pytest.mark.parametrize(
    ("data", "same"),
    [
        (b"one\ntwo\n", True),
        (b"one\ntwo\nthree\n", True),
        (b"one\n", False),
        (b"", False),
        (b"one\ntwO\nthree\n", False),
    ],
)
def test_a_file_is_known_by_what_was_read_of_it(data: bytes, same: bool) -> None:
    place = marked(FilePlace(device=1, inode=2, offset=8), Text(b"one\ntwo\n"))
    assert holds(place, Text(data)) is same


@pytest.mark.parametrize(("changed", "same"), [(0, False), (1023, False), (2000, True), (4095, False), (4096, True)])
def test_both_ends_of_what_was_read_are_compared(changed: int, same: bool) -> None:
    data = bytes(n % 251 for n in range(5000))
    place = marked(FilePlace(device=1, inode=2, offset=4096), Text(data))
    assert holds(place, Text(data[:changed] + b"!" + data[changed + 1 :])) is same


def test_nothing_has_no_mark() -> None:
    place = FilePlace(device=1, inode=2)
    assert (mark(b""), marked(place, Text(b"abc"))) == ("", place)
    assert holds(place, Text(b"anything"))
    assert place.same_file(1, 2)
    assert not msgspec.structs.replace(place, inode=3).same_file(1, 2)
