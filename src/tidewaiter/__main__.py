"""The program: `tidewaiter` and `python -m tidewaiter`.

What is imported lives as long as the program, and a scan makes no cycles: so the collector of cycles rests while
modules are loaded, and looks seldom afterwards. That saves a tenth of the CPU time of a scan.
"""

from __future__ import annotations

import gc
import os
import sys

_SELDOM = 200_000  # objects between two looks


def run() -> None:
    """Run the command line as a program: leave at once when all is said, without taking memory apart first."""
    gc.disable()
    from tidewaiter.cli import main  # noqa: PLC0415 - after the collector rests

    gc.freeze()
    gc.set_threshold(_SELDOM, 50, 50)
    gc.enable()
    try:
        main()
    except SystemExit as status:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status.code if isinstance(status.code, int) else 1)


if __name__ == "__main__":
    run()
