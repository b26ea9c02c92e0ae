from __future__ import annotations

import re

import msgspec

from tidewaiter.settings import Settings, parse
from tidewaiter.settings.explain import explained
from tidewaiter.settings.http import Http
from tidewaiter.settings.tails import FileTail, SyslogTail


def test_as_it_is_printed_it_changes_nothing() -> None:
    assert parse(explained().encode()) == Settings()


def test_every_key_is_there_with_its_meaning() -> None:
    text = explained()
    for kind in (Settings, Http, FileTail, SyslogTail):
        for field in msgspec.structs.fields(kind):
            assert re.search(
                rf"^#? ?{field.encode_name} =|^#? ?\[+([a-z]+\.)?{field.encode_name}\]+$", text, re.MULTILINE
            ), field


def test_an_uncommented_default_is_valid() -> None:
    """What a person takes the mark away from is a value that can be read."""
    text = explained()
    top = text[: text.index("[http]")]
    uncommented = "\n".join(line[2:] for line in top.splitlines() if re.match(r"# [a-z_]+ = ", line))
    assert parse(uncommented.encode()) == Settings()
    http = text[text.index("[http]") : text.index("# [http.tls]")]
    lines = [line[2:] for line in http.splitlines() if re.match(r"# [a-z_]+ = ", line)]
    assert parse("\n".join(["[http]", *lines]).encode()) == Settings()
