import parcels

from tidewaiter.delivery.parcel import Outcome, everything, later, never


def test_the_three_ways_an_attempt_can_end() -> None:
    both = [parcels.parcel(1), parcels.parcel(2)]
    assert [everything(both, mark="x"), later("down", after=3), never(both, "no")] == [
        Outcome(delivered=(1, 2), mark="x"),
        Outcome(reason="down", after=3),
        Outcome(refused=((1, "no"), (2, "no")), together=True),
    ]
