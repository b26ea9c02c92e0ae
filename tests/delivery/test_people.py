from typing import Any

import parcels
import pytest
from parcels import Reply, receiver

from tidewaiter.delivery.parcel import Outcome
from tidewaiter.delivery.people import Addresses
from tidewaiter.errors import ConfigError

# apprise loads all its plug-ins at once, and one of them asks for a module of the past.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


def addresses(*urls: str) -> Addresses:
    """Turn addresses of receivers into those of apprise's JSON hook."""
    return Addresses("\n".join(urls), parcels.form("people"), timeout=5, sink="a")


def hook(url: str, path: str = "") -> str:
    return url.replace("http://", "json://").rstrip("/") + f"/{path}"


def test_a_person_gets_one_message_a_finding() -> None:
    with receiver(lambda _: Reply()) as there:
        text = f"# the shift\n\n  {hook(there.url)}  \n"
        found = Addresses(text, parcels.form("people"), timeout=5, sink="a").send(
            [parcels.parcel(1), parcels.parcel(2)]
        )
    assert found == Outcome(delivered=(1, 2))
    said = [request.body.decode() for request in there.requests]
    assert ["F-1" in said[0], "F-2" in said[1], "shop/web" in said[0].replace("\\/", "/")] == [True, True, True]


def test_who_was_told_is_not_told_again_when_another_could_not_be() -> None:
    down = [True]

    def reply(request: Any) -> Reply:
        return Reply(500 if request.path == "/two" and down else 200)

    with receiver(reply) as there:
        sink = addresses(hook(there.url, "one"), hook(there.url, "two"))
        first = sink.send([parcels.parcel(1), parcels.parcel(2)])
        down.clear()
        second = sink.send([parcels.parcel(1), parcels.parcel(2)])
    told = [request.path for request in there.requests if request.path == "/one"]
    assert (first, second, len(told)) == (Outcome(reason="not taken: json"), Outcome(delivered=(1, 2)), 2)


def test_what_cannot_be_said_is_refused() -> None:
    with receiver(lambda _: Reply()) as there:
        found = addresses(hook(there.url)).send([parcels.broken(1), parcels.parcel(2)])
    assert (found.delivered, [number for number, _ in found.refused]) == ((2,), [1])


@pytest.mark.parametrize(
    ("text", "words"), [("", "there is no address"), ("ok", "address 1"), ("nonsense://s3cret@x", "address 1 is none")]
)
def test_an_address_that_is_none_is_counted_and_not_repeated(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        addresses(text)
    assert "s3cret" not in str(caught.value)
