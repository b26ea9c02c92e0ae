from __future__ import annotations

import pytest

from tidewaiter import errors
from tidewaiter.errors import CollectError, ConfigError, RuleError, SourceError, StoreError, TidewaiterError


@pytest.mark.parametrize(
    ("where", "hint", "text"),
    [
        ("", "", "error: it broke"),
        ("a.yml:3", "", "error: it broke\nwhere: a.yml:3"),
        ("", "mend it", "error: it broke\nhint: mend it"),
        ("a.yml:3", "mend it", "error: it broke\nwhere: a.yml:3\nhint: mend it"),
    ],
)
def test_what_where_hint(where: str, hint: str, text: str) -> None:
    problem = TidewaiterError("it broke", where=where, hint=hint)
    assert (str(problem), problem.what, problem.where, problem.hint) == (text, "it broke", where, hint)
    assert problem.args == ("it broke",)


def test_one_family_with_five_children() -> None:
    """A large hierarchy does not pay: who catches can tell these apart, and nothing finer."""
    family = {value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)}
    assert family == {TidewaiterError, ConfigError, RuleError, SourceError, StoreError, CollectError}
    assert {kind.__bases__ for kind in family - {TidewaiterError}} == {(TidewaiterError,)}
