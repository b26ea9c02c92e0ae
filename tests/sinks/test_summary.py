import msgspec

from tidewaiter.sinks.summary import Summary


def test_an_empty_scan_says_nothing() -> None:
    assert msgspec.to_builtins(Summary()) == {
        "sources": (),
        "unreadable": 0,
        "places": (),
        "set_aside": (),
        "blind": (),
        "blind_files": {},
        "ways": (),
        "silences": (),
        "findings_by_level": {},
        "hidden": 0,
        "covered": 0,
        "verdicts": 0,
    }
