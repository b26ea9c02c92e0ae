"""Runs a source over bytes, as the pipeline does, and prints activities the way golden files hold them."""

from __future__ import annotations

import msgspec

from tidewaiter.model import Activity
from tidewaiter.sources.contract import Block, Source, Tally


def read(source: Source, data: bytes, *, lines_per_block: int = 1 << 30) -> tuple[list[Activity], Tally]:
    """Feed bytes to a fresh reader in blocks of so many lines."""
    tally = Tally("golden.log")
    reader = source.reader(tally)
    found: list[Activity] = []
    lines = data.splitlines(keepends=True) if b"\r" not in data else [one + b"\n" for one in data.split(b"\n")]
    offset = 0
    for start in range(0, len(lines), lines_per_block):
        block = b"".join(lines[start : start + lines_per_block])
        found += reader.feed(Block(block, offset, start + 1))
        offset += len(block)
    found += reader.finish()
    return found, tally


def as_json_lines(activities: list[Activity]) -> str:
    """Give one JSON object a line, keys in the order of the model; `rules` only where a user's own rule held."""
    return "".join(msgspec.json.encode(one).decode().replace(',"rules":[]', "") + "\n" for one in activities)


def assert_survives(source: Source, data: bytes) -> None:
    """Bad input is counted, never raised; cutting it into blocks and reading it again change nothing."""
    whole, tally = read(source, data)
    lines = [line for line in data.split(b"\n") if line.strip()]
    assert tally.unreadable <= len(lines)
    assert tally.kept == len(whole)
    piecewise, again = read(source, data, lines_per_block=1)
    assert as_json_lines(piecewise) == as_json_lines(whole)
    assert (again.records, again.unreadable, again.notes) == (tally.records, tally.unreadable, tally.notes)
