import ssl
from pathlib import Path

import pytest

from tidewaiter.delivery.tls import context
from tidewaiter.errors import ConfigError
from tidewaiter.settings.delivery import Tls


def test_servers_are_checked() -> None:
    found = context(Tls(), sink="a")
    assert (found.verify_mode, found.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert found.minimum_version >= ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("text", [None, "no certificate"])
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "ca.pem"
    if text:
        path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        context(Tls(ca=str(path)), sink="siem")
    assert caught.value.where == f"sink siem: {path}"
