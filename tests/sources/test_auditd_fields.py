from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.sources.auditd_fields import Arguments, addresses, endpoint, endpoint_of_address, fields, plain, text


@pytest.mark.parametrize(
    ("written", "means"),
    [
        (b'"docker"', "docker"),
        (b'"cafe"', "cafe"),  # quoted: not hex
        (b"646F636B6572207073", "docker ps"),
        (b"646f636b6572207073", "docker ps"),
        (b"D0B8D0BCD18F", "имя"),
        (b"FF", "\ufffd"),
        (b'""', ""),
        (b"", ""),
        (b"(null)", ""),
        (b"/usr/bin/docker", "/usr/bin/docker"),  # ausearch -i
        (b"ABC", "ABC"),  # an odd number of digits is no hex
        (b'"cut', "cut"),
    ],
)
def test_values(written: bytes, means: str) -> None:
    assert text(written) == means
    assert plain(written).decode("utf-8", "replace") == means


def test_fields_of_both_alphabets() -> None:
    body = b' syscall=59 comm="sh" exe="/bin/sh" key=(null)\x1dARCH=x86_64 AUID="unset"\r'
    assert fields(body) == {
        b"syscall": b"59",
        b"comm": b'"sh"',
        b"exe": b'"/bin/sh"',
        b"key": b"(null)",
        b"ARCH": b"x86_64",
        b"AUID": b'"unset"',
    }


@pytest.mark.parametrize(
    ("bodies", "argv", "complete"),
    [
        ([b' argc=2 a0="docker" a1="ps"'], ("docker", "ps"), True),
        ([b' argc=1 a0=""'], ("",), True),
        ([b' argc=2 a0="sh"'], ("sh",), False),
        ([b' a1="ps"', b' argc=2 a0="docker"'], ("docker", "ps"), True),
        ([b' argc=2 a0="x" a1_len=6 a1[0]="abc"', b' a1[1]="def"'], ("x", "abcdef"), True),
        ([b' a1[1]="def"', b' argc=2 a0="x" a1_len=6 a1[0]="abc"'], ("x", "abcdef"), True),
        ([b' argc=2 a0="x" a1_len=6 a1[0]="abc"'], ("x", "abc"), False),
        # The letter и (D0B8) lies across the cut.
        ([b" argc=1 a0_len=8 a0[0]=61D0", b" a0[1]=B862"], ("aиb",), True),
        ([b' argc=99999999999 a0="x"'], ("x",), False),
        ([b""], (), False),
    ],
)
def test_arguments(bodies: list[bytes], argv: tuple[str, ...], complete: bool) -> None:
    arguments = Arguments()
    for body in bodies:
        arguments.add(body)
    assert (arguments.argv(), arguments.complete()) == (argv, complete)


UNIX = "01002F7661722F72756E2F646F636B65722E736F636B00"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (UNIX, "/var/run/docker.sock"),
        ("00012F72756E2F646F636B65722E736F636B", "/run/docker.sock"),  # big-endian machine
        ("01002F72756E2F646F636B65722E736F636B0041414141", "/run/docker.sock"),  # what is behind the zero is not meant
        ("{ saddr_fam=local path=/run/user/7/docker.sock }", "/run/user/7/docker.sock"),
        ("{ fam=inet laddr=10.0.0.9 lport=2375 }", None),
        ("{ saddr_fam=inet laddr=10.0.0.9 port=2375 }", "10.0.0.9:2375"),
        ("02000947C0A80105" + 16 * "0", "192.168.1.5:2375"),
        ("02000050C0A80105" + 16 * "0", None),  # port 80
        ("0A00280A00000000" + 30 * "0" + "0100000000", "[::1]:10250"),
        ("01002F746D702F782E736F636B", None),  # /tmp/x.sock
        ("10000000", None),  # netlink
        ("02", None),
        ("", None),
        ("zz", None),
    ],
)
def test_endpoints(written: str, name: str | None) -> None:
    found = endpoint(written.encode())
    assert (found.name if found else None) == name


def test_addresses_are_taken_out_of_the_record() -> None:
    assert addresses([b" saddr=0100AA\x1dSADDR={ saddr_fam=local path=x }", b" nothing"]) == [b"0100AA"]


@given(st.binary(max_size=130))
def test_no_bytes_break_an_address(raw: bytes) -> None:
    found = endpoint_of_address(raw)
    assert found is None or found.engine


@given(st.binary(max_size=200))
def test_no_bytes_break_a_record(body: bytes) -> None:
    arguments = Arguments()
    arguments.add(body)
    assert all(isinstance(part, str) for part in arguments.argv())
    assert isinstance(fields(body), dict)
    assert endpoint(body) is None or b"sock" in body or body[:1] in b"{0"
