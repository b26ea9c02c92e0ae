"""How servers are trusted and how they know us: TLS settings as an `ssl` context."""

from __future__ import annotations

import ssl

from tidewaiter.errors import ConfigError
from tidewaiter.settings.delivery import Tls


def context(tls: Tls, *, sink: str) -> ssl.SSLContext:
    """Give a context that checks the server's certificate and name. Raises ConfigError when a file cannot be used.

    TLS 1.2 and later, as `ssl.create_default_context` has it from Python 3.10 on.
    """
    try:
        made = ssl.create_default_context(cafile=tls.ca)
        if tls.certificate and tls.key:
            made.load_cert_chain(tls.certificate, tls.key)
    except (OSError, ValueError) as problem:  # ssl.SSLError is an OSError
        named = ", ".join(name for name in (tls.ca, tls.certificate, tls.key) if name)
        raise ConfigError(
            f"a certificate or key cannot be used: {problem}",
            where=f"sink {sink}: {named}",
            hint="files in PEM form, readable by the account that runs tidewaiter",
        ) from problem
    return made
