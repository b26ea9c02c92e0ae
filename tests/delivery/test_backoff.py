import pytest

from tidewaiter.delivery.backoff import pause


@pytest.mark.parametrize(
    ("attempts", "asked", "least", "most"),
    [
        (0, None, 1, 2),
        (1, None, 1, 2),
        (2, None, 2, 3),
        (5, None, 16, 17),
        (9, None, 60, 60),
        (100_000, None, 60, 60),
        (1, 30.0, 30, 30),
        (9, 30.0, 60, 60),
        (1, 1e9, 3600, 3600),
        (1, -5.0, 1, 2),
    ],
)
def test_pauses_double_up_to_the_longest_and_respect_the_receiver(
    attempts: int, asked: float | None, least: float, most: float
) -> None:
    found = [pause(attempts, first=1, longest=60, asked=asked) for _ in range(50)]
    assert least <= min(found) <= max(found) <= most


def test_sinks_do_not_come_back_all_at_once() -> None:
    assert len({pause(3, first=1, longest=60) for _ in range(20)}) > 1
