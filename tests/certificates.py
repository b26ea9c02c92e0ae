"""Certificates of a moment, made by openssl, for servers on 127.0.0.1."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple


class Authority(NamedTuple):
    """An authority with a certificate for a server and one for a client."""

    ca: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path


def authority(folder: Path) -> Authority:
    """Make an authority that holds for a day."""
    ca, key = folder / "ca.pem", folder / "ca.key"
    _openssl("req", "-x509", *_new(key), "-subj", "/CN=test authority", "-days", "1", "-out", str(ca))
    made = [_signed(folder, name, ca, key) for name in ("server", "client")]
    return Authority(ca, *made[0], *made[1])


def _signed(folder: Path, name: str, ca: Path, key: Path) -> tuple[Path, Path]:
    own, request, certificate = folder / f"{name}.key", folder / f"{name}.csr", folder / f"{name}.pem"
    _openssl("req", *_new(own), "-subj", f"/CN={name}", "-out", str(request))
    names = folder / "names"
    names.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    by = ("-CA", str(ca), "-CAkey", str(key), "-CAcreateserial", "-days", "1", "-extfile", str(names))
    _openssl("x509", "-req", "-in", str(request), *by, "-out", str(certificate))
    return certificate, own


def _new(key: Path) -> tuple[str, ...]:
    return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(key))


def _openssl(*arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, check=False, timeout=30)
    if done.returncode:
        raise RuntimeError(done.stderr.decode())
