from __future__ import annotations

import h11
import pytest

from tidewaiter.gate.refusal import refusal


@pytest.mark.parametrize(
    ("status", "reason"), [(400, b"Bad Request"), (403, b"Forbidden"), (503, b"Service Unavailable")]
)
@pytest.mark.parametrize("close", [True, False])
def test_an_answer_like_dockerds(status: int, reason: bytes, close: bool) -> None:
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
    client.send(h11.EndOfMessage())
    client.receive_data(refusal(status, 'not "you"', close=close))
    head, body, end = client.next_event(), client.next_event(), client.next_event()
    assert isinstance(head, h11.Response)
    assert (head.status_code, head.reason) == (status, reason)
    assert isinstance(body, h11.Data)
    assert bytes(body.data) == b'{"message":"tidewaiter gate: not \\"you\\""}\n'
    assert isinstance(end, h11.EndOfMessage)
    assert (client.their_state is h11.MUST_CLOSE) is close


def test_to_head_without_a_body_and_to_1_0_in_1_0() -> None:
    assert refusal(403, "no", method="HEAD", version="1.0").partition(b"\r\n\r\n") == (
        b"HTTP/1.0 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: 34",
        b"\r\n\r\n",
        b"",
    )
