from pathlib import Path

import parcels

from tidewaiter.delivery.accounts import Account, DeadLetter, SinkAccount, account_of, dead_letters_of
from tidewaiter.delivery.outbox import Outbox, Rules
from tidewaiter.delivery.parcel import never
from tidewaiter.delivery.routes import Routed


def test_an_outbox_in_use_is_read_by_others(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o", Rules(route=lambda *_: Routed(sinks=("a", "b"))))
    outbox.offer([parcels.finding("F-1", headline="looks\naround")], now=parcels.NOW)
    on_its_way = outbox.claim("b", now=parcels.NOW, most=9)
    outbox.settle("b", on_its_way, never(on_its_way, "HTTP 400: no"), now=parcels.NOW, pause=0)
    found = account_of(tmp_path / "o", ["new", "b"])
    assert found == Account(
        sinks=(
            SinkAccount(name="new"),
            SinkAccount(name="b", dead=1, attempts_failed=1),
            SinkAccount(name="a", pending=1, oldest=parcels.NOW, due=0),
        ),
        suppressed={"route": 0, "verdict": 0, "rate": 0},
        size=found.size,
    )
    letter = DeadLetter(
        sink="b",
        finding="F-1",
        number=1,
        attempts=1,
        since=parcels.NOW,
        reason="HTTP 400: no",
        headline="looks\naround",
    )
    assert [dead_letters_of(tmp_path / "o", sink) for sink in (None, "b", "a")] == [[letter], [letter], []]
    outbox.close()
