"""The HTTP server: granian inside of our own event loop."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Any

from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.embed import Server

from tidewaiter.errors import ConfigError
from tidewaiter.service.access import refuse_open_door
from tidewaiter.settings.http import Http

_HEADER_MILLISECONDS = 75_000  # within which the next request must begin; kube-apiserver posts at least each 30 s
# granian configures logging when it is made, onto stdout: told to change one level only, it leaves the rest alone.
_LOGGING: dict[str, Any] = {"incremental": True, "formatters": {}, "handlers": {}, "loggers": {}}


class HttpServer:
    """Listens until it is stopped. Raises ConfigError when the settings cannot be served."""

    def __init__(self, app: Any, settings: Http) -> None:
        refuse_open_door(settings)
        _check_authority(settings)
        self._address = (settings.address, settings.port)
        tls = settings.tls
        try:
            self._server = Server(
                app,
                address=settings.address,
                port=settings.port,
                interface=Interfaces.ASGINL,
                websockets=False,
                # Where both versions are offered, granian 2.8 waits without end for the first bytes of a connection:
                # whoever says nothing would keep others out. No sender of logs needs HTTP/2.
                http=HTTPModes.http1,
                backlog=1024,
                backpressure=settings.connections,
                http1_settings=HTTP1Settings(header_read_timeout=_HEADER_MILLISECONDS),
                log_level=LogLevels.critical,
                log_dictconfig=_LOGGING,
                ssl_cert=Path(tls.certificate) if tls else None,
                ssl_key=Path(tls.key) if tls else None,
                ssl_protocol_min=SSLProtocols.tls12 if tls and tls.tls12 else SSLProtocols.tls13,
                ssl_ca=Path(tls.client_authority) if tls and tls.client_authority else None,
                ssl_client_verify=tls is not None and tls.client_authority is not None,
            )
        except OSError as problem:  # ssl.SSLError is one
            raise ConfigError(
                f"the certificate cannot be used: {problem}",
                where="[http.tls]",
                hint="certificate and key must be PEM files that belong together and can be read",
            ) from problem

    async def serve(self) -> None:
        """Answer requests; returns after `stop`. Raises ConfigError when the address cannot be had."""
        self._try_to_bind()
        await self._server.serve()

    def _try_to_bind(self) -> None:
        # Where it cannot listen, granian 2.8 ends the whole process from its own threads: find that out before.
        family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(self._address)
                probe.listen(1)
        except OSError as problem:
            raise ConfigError(
                f"cannot listen: {problem.strerror}",
                where="{}:{}".format(*self._address),
                hint="another program may listen there; choose another port in [http]",
            ) from problem

    def stop(self) -> None:
        """Stop taking requests and let those under way end; to be called in the loop."""
        self._server.stop()  # type: ignore[no-untyped-call]  # granian has no types there


def _check_authority(settings: Http) -> None:
    # granian reads it in threads of its own, where a mistake ends the process.
    authority = settings.tls.client_authority if settings.tls else None
    if authority is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(authority)
    except OSError as problem:
        raise ConfigError(
            f"the client_authority cannot be used: {problem}",
            where=authority,
            hint="name a PEM file with the certificate of the authority that signs those of the senders",
        ) from problem
