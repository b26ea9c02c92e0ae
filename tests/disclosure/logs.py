"""A folder of container logs as the drivers write them, with invented secrets; the text is the same each time."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from disclosure.fakes import AWS_KEY, PASSWORD, PEM, POD_TOKEN, fake

ID = "c0ffee" * 10 + "c0de"
CUT = "x" * (16384 - 11) + " " + AWS_KEY[:10]  # Docker cuts after 16 KiB
# What must be in no output, in full or in large part.
BODIES = [AWS_KEY, PASSWORD, POD_TOKEN, *PEM[2:5], fake("", 24)]


def docker(text: str, second: int, stream: str = "stdout", **attrs: str) -> str:
    """Write one record of Docker's json-file driver."""
    record = {"log": text, "stream": stream, "time": f"2026-11-23T09:39:{second:02}.5Z"}
    return json.dumps(record | ({"attrs": attrs} if attrs else {})) + "\n"


def write_logs(folder: Path) -> None:
    """Write the logs of four containers."""
    home = folder / "docker" / ID
    home.mkdir(parents=True)
    records = [
        docker("nginx/1.25.3 on Linux version 6.1.0-1040-azure\n", 1, DB_PASS=PASSWORD),
        docker(f"DATABASE_URL=postgres://app:{PASSWORD}@orders-db.corp.example:5432/orders\n", 2, DB_PASS=PASSWORD),
        docker(CUT, 3, DB_PASS=PASSWORD),
        docker("ERROR 10.1.2.3:9999 refused\n", 3, "stderr", DB_PASS=PASSWORD),
        docker(AWS_KEY[10:] + " read\n", 3, DB_PASS=PASSWORD),
        docker(f"\x1b[1mdb.password\x1b[0m = {PASSWORD}\n", 4, DB_PASS=PASSWORD),
        *(docker(f"{line}\n", 5, DB_PASS=PASSWORD) for line in PEM),
        docker("password reset mail sent\n", 6, DB_PASS=PASSWORD),
        '{"log":"cut off by a full disk ' + fake("", 24),
    ]
    (home / f"{ID}-json.log").write_text("".join(records), encoding="utf-8")
    pod = folder / "pods" / "shop_cart-7d4b9c8f6d-x2x4z_0f0e1d2c" / "web"
    pod.mkdir(parents=True)
    stamp = "2026-11-23T02:14:07.120000001Z"
    lines = [
        f"{stamp} stdout P Authorization: Bearer {POD_TOKEN[:40]}",
        f"{stamp} stderr F Traceback (most recent call last):",
        f"{stamp} stdout F {POD_TOKEN[40:]}",
        f"{stamp} stdout F peer web-0.web.shop.svc.cluster.local:80, POD_NAMESPACE=shop",
        f"{stamp} stdout F IMDSv2 role=node region=eu-west-1",
    ]
    (pod / "0.log").write_text("\n".join(lines) + "\n", encoding="utf-8")
    entry = {"__REALTIME_TIMESTAMP": "1795426797123456", "CONTAINER_NAME": "cache", "PRIORITY": "6"}
    messages = [
        {"MESSAGE": "redis-server --require", "CONTAINER_PARTIAL_MESSAGE": "true"},
        {"MESSAGE": f"pass {PASSWORD}"},
    ]
    journal = "".join(json.dumps(entry | message) + "\n" for message in messages)
    (folder / "journal.jsonl.gz").write_bytes(gzip.compress(journal.encode(), mtime=0))
    (folder / "local.log").write_bytes(b"\0\0\0\x10\n\x06stdout\x10\x80\x02" * 20)  # Docker's driver "local" is binary
