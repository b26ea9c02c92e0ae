"""How a record of a log is damaged: every way takes a record and gives what stands in its place, by a seeded chance.

What comes back may be longer, empty, or several lines. JSON is damaged both as text and by its values; the pieces that
no JSON writer would write (`NaN`, halves of surrogate pairs, keys that come twice) are put in as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, NamedTuple

LONG = 70_000  # characters of a very long string

Damage = Callable[[Random, bytes, Sequence[bytes]], bytes]  # the record, and others to take parts from
Parsed = dict[str, Any]

_DIGITS = re.compile(rb"\d+")
_HEX = re.compile(rb"[0-9A-Fa-f]{8,}")
_TIME = re.compile(
    rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?|\d\d/[A-Z][a-z]{2}/\d{4}:[\d:]{8} [+-]\d{4}"
    rb"|\d\d:\d\d:\d\d(?:\.\d+)?|\d{10,19}(?:\.\d+)?"
)
_ZONE = re.compile(rb"(?<=\d\d:\d\d)(?:\.\d+)?(?:Z| ?[+-]\d\d:?\d\d)")
_QUOTED = re.compile(rb'"[^"\\]*"')
_VALUE = re.compile(rb"(?<==)\S*")
_OTHER_DIGITS = "\u0662\u0660\u0662\u0666".encode()
_HERE = "\u2042here\u2042"  # stands in a value until its place is known

ODD_TIMES = (
    *(b"0000-00-00T00:00:00Z", b"0001-01-01T00:00:00+14:00", b"9999-12-31T23:59:59.999999999-14:00"),
    *(b"2016-12-31T23:59:60Z", b"2026-11-23T09:21:54", b"1969-12-31T23:59:59Z", b"2026-13-45T99:99:99Z"),
    *(b"-1", b"0", b"253402300800", b"99999999999999999999", b"1e30", b"9223372036854775807", b"-62135596800.5"),
    *(b"31/Feb/2026:25:61:61 +9999", b"1.7976931348623157e308", b"23:59:60", b"24:00:00", _OTHER_DIGITS + b"Z"),
)  # fmt: skip
ODD_BYTES = (
    *(b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x80"),
    *(b"\0", b"\0\0\0", b"\x1b[2J\x1b[31m", b"\x1b]0;t\x07", b"\x08\x08", b"\x7f", b"\x9b", b"\x1d", b"\x1e", b"\x0b"),
    *("\u202e".encode(), "\u2028".encode(), "\u200b".encode(), "\ufeff".encode(), "\U000e0041".encode(), b"\x85"),
    *(b"\\ud800", b"\\udc00\\ud800", b"\\u0000", b"\\u001b[31m", b"\\x1b", b"\\", b"\\u12", b"$'\\ud800'"),
    *(b"%", b"%zz", b"%u0041", b"%C3", b"%00", b"%ff%fe", b"%252f", b"%2", b"%ED%A0%80", b"\\N{BELL}"),
    *(b'"', b"'", b"`", b"$(", b"${", b"{{", b"}}", b"<", b"&", b"&#xD800;", b"]]>", b"<!DOCTYPE x [", b"|", b"\t"),
    *(b"=", b"(", b")", b"[", b"{", b";", b"#", b"//", b"../", b"?", b"*", b"--", b"@", b"::", b"[::", b"1" * 5000),
)  # fmt: skip
ODD_VALUES = (
    *(b"null", b"true", b"false", b"0", b"-1", b"1.5", b"-0.0", b"1e999", b"-1e308", b"NaN", b"Infinity", b"9" * 5000),
    *(b"18446744073709551616", b"9223372036854775808", b"-9223372036854775809", b"123456789012345678901234567890"),
    *(b"[]", b"{}", b'""', b'" "', b"[null]", b"[[]]", b'[{"a":[1,{}]}]', b'{"value":{"value":[]}}', b'{"":""}'),
    *(b'["a",1,null]', b'"NaN"', b'"1e400"', b'"-"', b'"\\ud800"', b'"\\udfff\\ud800"', b'"\\u0000\\u001b[31m"'),
    *(b'"' + _OTHER_DIGITS + b'"', '"\u00b2"'.encode(), b'"1_000"', b'" 7"', b'"0x1F"', b'"-0"', b'"a\\nb\\r\\nc"'),
    *(b'"%zz%u0041%"', b'"9999999999999999999"', b'"[::1]:99999"', b'"999.1.1.1"', b'"::ffff:1.2.3.4%eth0"'),
    *(b'"http://["', b'"//[x"', b'"/"', b'"?"', b'"#"', b'"\\\\"', b'"' + b"A" * LONG + b'"'),
    *(b'"' + b"%2" * 400 + b'"', b'"' + b"$(" * 400 + b'"', b'"' + b"' " * 400 + b'"'),
    *(b'"' + b"\xf0\x9f\x90\xb3" * 300 + b'"', b'"' + b"{{" * 400 + b'"'),
)  # fmt: skip


def damaged(random: Random, record: bytes, others: Sequence[bytes]) -> bytes:
    """Damage a record in one way, sometimes in several; `others` are records of the same sort."""
    found = record
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        found = random.choice(WAYS).damage(random, found, others)
    return found


def _somewhere(random: Random, record: bytes) -> int:
    return random.randrange(len(record) + 1)


def flip(random: Random, record: bytes, _: Sequence[bytes]) -> bytes:
    """Change some bits."""
    found = bytearray(record)
    for _number in range(random.choice((1, 1, 2, 8)) if found else 0):
        found[random.randrange(len(found))] ^= 1 << random.randrange(8)
    return bytes(found)


def insert(random: Random, record: bytes, _: Sequence[bytes]) -> bytes:
    """Put bytes in that log readers trip over."""
    at = _somewhere(random, record)
    return record[:at] + random.choice(ODD_BYTES) + record[at:]


def delete(random: Random, record: bytes, _: Sequence[bytes]) -> bytes:
    """Take some bytes out."""
    at = _somewhere(random, record)
    return record[:at] + record[at + random.choice((1, 1, 2, 5, 30)) :]


def duplicate(random: Random, record: bytes, _: Sequence[bytes]) -> bytes:
    """Write a stretch twice, or many times."""
    at = _somewhere(random, record)
    stretch = record[at : at + random.choice((1, 3, 10, 50))]
    return record[:at] + stretch * random.choice((2, 2, 3, 100)) + record[at + len(stretch) :]


def cut(random: Random, record: bytes, _: Sequence[bytes]) -> bytes:
    """Leave the end out, or the start."""
    at = _somewhere(random, record)
    return record[:at] if random.random() < 0.8 else record[at:]


def glue(random: Random, record: bytes, others: Sequence[bytes]) -> bytes:
    """Write another record, or its end, behind this one on the same line."""
    other = random.choice(others)
    return record + random.choice((b"", b" ", b",", b"\r", other[: _somewhere(random, other)])) + other


def split(random: Random, record: bytes, _: Sequence[bytes]) -> bytes:
    """Break the line."""
    at = _somewhere(random, record)
    return record[:at] + random.choice((b"\n", b"\r\n", b"\n\n", b"\n\0\n")) + record[at:]


def line_end(random: Random, record: bytes, _: Sequence[bytes]) -> bytes:
    """End the line as another system does, or put white space around it."""
    before, behind = random.choice(
        ((b"", b"\r"), (b"", b"\r\r"), (b"\r", b""), (b" ", b" "), (b"\t", b""), (b"\xef\xbb\xbf", b""), (b"\0", b""))
    )
    return before + record + behind


def swap(random: Random, record: bytes, _: Sequence[bytes]) -> bytes:
    """Change two stretches of text with each other: words, quoted texts, or values behind `=`."""
    pattern = random.choice((_QUOTED, _VALUE, _DIGITS))
    places = [found.span() for found in pattern.finditer(record)][:200]
    if len(places) < 2:
        return cut(random, record, ())
    (a, b), (c, d) = sorted(random.sample(places, 2))
    return record[:a] + record[c:d] + record[b:c] + record[a:b] + record[d:]


def _put(random: Random, record: bytes, pattern: re.Pattern[bytes], new: bytes) -> bytes:
    places = [found.span() for found in pattern.finditer(record)]
    if not places:
        return insert(random, record, ())
    start, end = random.choice(places)
    return record[:start] + new + record[end:]


def number(random: Random, record: bytes, _: Sequence[bytes]) -> bytes:
    """Write another number: huge, negative, none, or in the digits of another script."""
    new = (
        b"",
        b"-1",
        b"0",
        b"99999999999999999999",
        b"1e309",
        b"9" * 400,
        _OTHER_DIGITS,
        "\u00b2".encode(),
        b"0x7f",
        b"-",
        b"1_0",
    )
    return _put(random, record, _DIGITS, random.choice(new))


def hexadecimal(random: Random, record: bytes, _: Sequence[bytes]) -> bytes:
    """Give a run of hex digits an odd length, or letters that are none."""
    return _put(
        random, record, _HEX, random.choice((b"414", b"41 4", b"4G41", b"FFFE", b"00", b"ED", b"2F0000", b"C3"))
    )


def time(random: Random, record: bytes, _: Sequence[bytes]) -> bytes:
    """Write a time that no clock shows, or one from the edge of what can be counted."""
    return _put(random, record, _TIME, random.choice(ODD_TIMES))


def no_zone(random: Random, record: bytes, _: Sequence[bytes]) -> bytes:
    """Leave the zone of a time out, or write one that is none."""
    return _put(random, record, _ZONE, random.choice((b"", b".1", b"+99:99", b"z", b" UTC", b"+24:00", b"-00:00")))


def text(random: Random, record: bytes, _: Sequence[bytes]) -> bytes:
    """Write another text between quotes."""
    new = random.choice((b"", b"-", b" ", b"/", b"\\ud800", b"\\", random.choice(ODD_BYTES)))
    return _put(random, record, _QUOTED, b'"' + new + b'"')


def value(random: Random, record: bytes, _: Sequence[bytes]) -> bytes:
    """Write another value behind `=`."""
    new = random.choice(
        (b"", b'""', b'"', b"(null)", b"?", b"-", b"4", random.choice(ODD_BYTES), random.choice(ODD_TIMES))
    )
    return _put(random, record, _VALUE, new)


def longer(random: Random, record: bytes, _: Sequence[bytes]) -> bytes:
    """Put a very long text in."""
    at = _somewhere(random, record)
    return (
        record[:at]
        + random.choice((b"A", b"%41", b"/a", b" ", b"a=1 ", b'"', b"\\", b"(", b"\xc3\xa4")) * 20_000
        + record[at:]
    )


def _places(record: Any) -> list[tuple[Any, Any]]:
    """List every value of a JSON record, as what holds it and under which key."""
    found: list[tuple[Any, Any]] = []
    waiting = [record]
    while waiting:
        inside = waiting.pop()
        for key in inside if isinstance(inside, dict) else range(len(inside)):
            found.append((inside, key))
            if isinstance(inside[key], dict | list):
                waiting.append(inside[key])
    return found


def _of_json(way: Callable[[Random, Parsed], bytes | None], instead: Damage) -> Damage:
    """Make a way to damage JSON values one for any record; what is no JSON is damaged as text instead."""

    def damage(random: Random, record: bytes, others: Sequence[bytes]) -> bytes:
        try:
            parsed = json.loads(record) if record[:1] == b"{" else None
        except (ValueError, RecursionError):
            parsed = None
        try:
            found = way(random, parsed) if isinstance(parsed, dict) and parsed else None
        except RecursionError:  # damaged by depth before
            found = None
        return instead(random, record, others) if found is None else found

    return damage


def _written(record: Parsed, new: bytes = b"") -> bytes:
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace").replace(
        f'"{_HERE}"'.encode(), new, 1
    )  # fmt: skip


def _retyped(random: Random, record: Parsed) -> bytes | None:
    inside, key = random.choice(_places(record))
    inside[key] = _HERE
    return _written(record, _odd_value(random))


def _odd_value(random: Random) -> bytes:
    return _deep(random) if random.random() < 0.05 else random.choice(ODD_VALUES)


def _deep(random: Random) -> bytes:
    """Nest a value: as deep as may be, or far deeper than any reader goes."""
    levels = random.choice((50, 400, 3_000))
    start, end = random.choice(((b"[", b"]"), (b'{"a":', b"}"), (b'[{"":', b"}]")))
    return start * levels + b"1" + end * levels


def _retimed(random: Random, record: Parsed) -> bytes | None:
    times = [(inside, key) for inside, key in _places(record) if _is_time(inside[key])]
    if not times:
        return None
    inside, key = random.choice(times)
    new = random.choice(ODD_TIMES)
    inside[key] = _HERE
    return _written(record, new if random.random() < 0.3 else b'"' + new + b'"')


def _is_time(found: Any) -> bool:
    text = str(found) if isinstance(found, str | int | float) else ""
    return _TIME.fullmatch(text.encode("utf-8", "replace")) is not None


def _without(random: Random, record: Parsed) -> bytes | None:
    inside, key = random.choice(_places(record))
    del inside[key]
    return _written(record)


def _swapped(random: Random, record: Parsed) -> bytes | None:
    (inside, key), (other, at) = random.choices(_places(record), k=2)
    one, two = json.dumps(inside[key]), json.dumps(other[at])  # copies: a value must not come to hold itself
    inside[key] = json.loads(two)
    if isinstance(other, dict) or at < len(other):
        other[at] = json.loads(one)
    return _written(record)


def _twice(random: Random, record: Parsed) -> bytes | None:
    key = random.choice(list(record))
    whole = _written(record)
    again = json.dumps(key).encode() + b":" + _odd_value(random)
    return whole[:-1] + b"," + again + b"}" if random.random() < 0.5 else b"{" + again + b"," + whole[1:]


def _renamed(random: Random, record: Parsed) -> bytes | None:
    inside, key = random.choice(_places(record))
    if not isinstance(inside, dict):
        return None
    name = random.choice((key.upper(), key.lower(), f"{key} ", key.replace(".", "_"), "", key * 50, f"@{key}", "items"))
    inside[name] = inside.pop(key)
    return _written(record)


def _wrapped(random: Random, record: Parsed) -> bytes | None:
    wrap: tuple[Any, ...] = ({"message": record}, {"a": {"b": record}}, [record], {"Event": record}, {"data": [record]})
    return json.dumps(random.choice(wrap), indent=random.choice((None, None, None, None, 1))).encode()


class Way(NamedTuple):
    """One way to damage a record."""

    name: str
    damage: Damage


_TEXTUAL: tuple[Damage, ...] = (
    *(flip, insert, delete, duplicate, cut, glue, split, line_end),
    *(swap, number, hexadecimal, time, no_zone, text, value),
)  # fmt: skip
_JSON: dict[str, Damage] = {
    "retype": _of_json(_retyped, value),
    "retime": _of_json(_retimed, time),
    "leave-out": _of_json(_without, delete),
    "exchange": _of_json(_swapped, swap),
    "same-key": _of_json(_twice, duplicate),
    "rename": _of_json(_renamed, text),
    "wrap": _of_json(_wrapped, line_end),
}
# Very long texts cost the most time by far: one in a few hundred records is enough.
WAYS: tuple[Way, ...] = (
    *(Way(way.__name__, way) for way in _TEXTUAL for _ in range(3)),
    *(Way(name, way) for name, way in _JSON.items() for _ in range(8)),
    *(Way("retype", _JSON["retype"]) for _ in range(20)),
    Way("longer", longer),
)


def shuffled(random: Random, lines: Sequence[bytes]) -> list[bytes]:
    """Give lines again with some of them moved, left out or repeated, as in a log that was merged from several."""
    found = list(lines)
    for _ in range(len(found) // 8 + 1):
        at = random.randrange(len(found))
        moved = found.pop(at) if random.random() < 0.6 else found[at]
        if random.random() < 0.9 or not found:
            found.insert(random.randrange(len(found) + 1), moved)
    return found
