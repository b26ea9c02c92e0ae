"""A process that delivers, to be killed at any moment: the crash campaign of tests/integration/test_delivery_crash.py.

Offers findings of numbers that are known to be offered to nobody, a few at a time, and prints the number of each offer
once it was acknowledged.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import parcels

from tidewaiter.delivery.delivery import Delivery
from tidewaiter.delivery.outbox import Outbox
from tidewaiter.settings.delivery import Delivery as Settings
from tidewaiter.settings.delivery import FileSink, HttpSink
from tidewaiter.wording import Wording

EACH = 5  # findings of one offer


def main(folder: Path, url: str, first: int, count: int) -> None:
    """Offer so many lots, then deliver what is left."""
    outbox = Outbox(folder / "outbox.sqlite")
    sinks = (
        FileSink(name="file", path=str(folder / "findings"), batch=7),
        HttpSink(name="hook", url=url, batch=7, pause=0.01, longest_pause=0.05),
    )
    delivery = Delivery(outbox, Settings(sinks=sinks), {}, Wording("en"))
    delivery.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for lot in range(first, first + count):
        # Every third finding comes with an update behind it.
        findings = [parcels.finding(f"F-{lot}-{n}") for n in range(EACH)]
        delivery.offer(findings)
        delivery.offer([parcels.finding(f"F-{lot}-0", level="critical")])
        sys.stdout.write(f"{lot}\n")
        sys.stdout.flush()
    while any(one.account.pending for one in delivery.status().sinks):
        time.sleep(0.01)
    delivery.stop()
    outbox.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
