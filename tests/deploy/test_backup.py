"""A copy that is made while records come in holds everything that was acknowledged before it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
import time
import urllib.request
from pathlib import Path
from typing import Self

import pytest
from running import AUDIT, Place, wait

from tidewaiter.store import Store

BACKUP = Path(__file__).parents[2] / "deploy" / "backup" / "tidewaiter-backup"


def listing(name: str) -> bytes:
    """Give a record that matters, of somebody who is named once."""
    record = next(
        one
        for one in map(json.loads, AUDIT.read_bytes().splitlines())
        if one["verb"] == "list" and one.get("objectRef")
    )
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())
    record |= {"auditID": name, "user": {"username": name}, "requestReceivedTimestamp": now, "stageTimestamp": now}
    return json.dumps(record).encode()


class Sender:
    """Posts records of new people until it is told to stop, and knows who was acknowledged."""

    def __init__(self, place: Place) -> None:
        self.place, self.done = place, threading.Event()
        self.acknowledged: list[str] = []
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        number = 0
        while not self.done.is_set():
            names = [f"person-{number + one}" for one in range(20)]
            number += len(names)
            assert self.place.send([listing(name) for name in names]) == 200
            self.acknowledged += names

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.thread.join()


def read_all(place: Place) -> bool:
    """Tell whether the engine has nothing more to read."""
    seen = []
    for _ in range(2):
        with urllib.request.urlopen(place.url("/metrics")) as answer:
            found = re.search(rb"^tidewaiter_records_total (\S+)", answer.read(), re.MULTILINE)
        seen.append(float(found[1]) if found else 0.0)
        time.sleep(1)
    return seen[0] == seen[1] > 0


def people(state: Path) -> set[str]:
    with Store(state / "store") as store:
        rows = store.rows("SELECT DISTINCT actor FROM activity")
        return {actor.split("|")[2] for (actor,) in rows if "person-" in actor}


def test_a_copy_under_load_can_be_served_from(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    place = Place(tmp_path / "one")
    state, copies = tmp_path / "one" / "state", [tmp_path / f"copy-{number}" for number in range(2)]
    before: list[set[str]] = []
    with place.running() as process, Sender(place) as sender:
        for copy in copies:
            time.sleep(1)
            before.append(set(sender.acknowledged))
            subprocess.run([BACKUP, state, copy, str(process.pid)], check=True, timeout=60)
        behind = len(sender.acknowledged)
        wait(lambda: len(sender.acknowledged) > behind)  # it goes on
    for copy, known in zip(copies, before, strict=True):
        assert known
        folder = tmp_path / f"from-{copy.name}"
        folder.mkdir()
        restored = Place(folder)
        shutil.copytree(copy, folder / "state")
        with restored.running():
            assert restored.send([listing("person-later")]) == 200
            wait(lambda restored=restored: read_all(restored))  # type: ignore[misc]
        assert known | {"person-later"} <= people(restored.folder / "state")


@pytest.mark.parametrize(("target", "said"), [("there", "is there already"), ("new", "does not serve from")])
def test_a_mistake_is_said_and_nobody_gets_a_signal(tmp_path: Path, target: str, said: str) -> None:
    (tmp_path / "state" / "journal").mkdir(parents=True)
    (tmp_path / "there").mkdir()
    with subprocess.Popen(["sleep", "60"]) as other:
        done = subprocess.run(
            [BACKUP, tmp_path / "state", tmp_path / target, str(other.pid)], capture_output=True, text=True, check=False
        )
        alive = other.poll() is None
        other.kill()
    assert (done.returncode, said in done.stderr) == (1, True)
    assert alive
    assert not (tmp_path / "new").exists()
