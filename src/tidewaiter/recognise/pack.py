"""The recognisers in use: the packaged ones and the user's own, ready to be asked about any activity.

Most activities repeat a few hundred shapes, so a rule runs once per shape: the values of just those fields that the
rules of a plane look at. Evidence is worked out on demand, for the few activities that appear in findings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import msgspec

from tidewaiter.errors import RuleError
from tidewaiter.model import Activity, Level, Plane, RuleMatch
from tidewaiter.recognise.correlation import Correlation, load_correlation
from tidewaiter.recognise.fields import FIELDS, PLANES, Value, reader
from tidewaiter.recognise.match import Condition, Result, evaluate, evidence, fields_of
from tidewaiter.recognise.rule import About, CorrelationText, Examples, Recogniser, Role, load_rules

if TYPE_CHECKING:  # a start without rules of one's own need not load them
    from tidewaiter.recognise.own_rules import OwnRules
    from tidewaiter.recognise.record_correlation import RecordCorrelation
    from tidewaiter.recognise.record_matcher import RecordMatcher
    from tidewaiter.recognise.record_rule import RecordRule

_MEMO = 100_000  # shapes a plane; a client that invents tools or kinds costs speed, never memory


class Recognised(NamedTuple):
    """What one recogniser says about one activity."""

    recogniser: str  # "name@version"
    role: Role
    weight: float
    level: Level


class _Plane(NamedTuple):
    """The rules of one plane, ready to run."""

    fields: tuple[str, ...]
    shape: Callable[[Activity], tuple[Value, ...]]
    rules: tuple[tuple[Condition, Recognised], ...]
    memo: dict[tuple[Value, ...], tuple[Recognised, ...]]


class Pack:
    """A set of rules. It only remembers answers; asking never changes an answer."""

    def __init__(
        self,
        recognisers: Sequence[Recogniser],
        correlations: Sequence[Correlation] = (),
        own: OwnRules | None = None,
    ) -> None:
        """Take recognisers and correlations, and the user's own rules of any sort."""
        mine = (own.recognisers, own.correlations) if own else ((), ())
        self.recognisers = tuple(sorted((*recognisers, *mine[0]), key=lambda rule: rule.about.name))
        self.correlations = tuple(sorted((*correlations, *mine[1]), key=lambda rule: rule.about.name))
        self.records: dict[str, RecordRule] = {rule.about.name: rule for rule in own.records} if own else {}
        self.record_correlations: tuple[RecordCorrelation, ...] = own.record_correlations if own else ()
        self.matcher: RecordMatcher | None = own.matcher() if own else None  # for readers, about original records
        self._by_name = {rule.about.name: rule for rule in self.recognisers}
        self._planes = {plane: _plane(plane, self.recognisers) for plane in PLANES}

    def recognise(self, activity: Activity) -> tuple[Recognised, ...]:
        """Give every recogniser that sees something in this activity: the heaviest first, then by name."""
        plane = self._planes[activity.plane]
        shape = plane.shape(activity)
        found = plane.memo.get(shape)
        if found is None:
            if len(plane.memo) >= _MEMO:
                plane.memo.clear()
            found = _run(plane, shape)
            plane.memo[shape] = found
        return found

    def recognised(self, rules: Iterable[RuleMatch]) -> tuple[Recognised, ...]:
        """Give what the user's own rules say that held for an original record: the heaviest first, then by name."""
        abouts = [self.records[match.rule.partition("@")[0]].about for match in rules]
        said = [Recognised(about.key, about.role, about.weight, about.level) for about in abouts]
        return tuple(sorted(said, key=lambda item: (-item.weight, item.recogniser)))

    def shape_fields(self, plane: Plane) -> tuple[str, ...]:
        """Name the fields that the rules of a plane look at; activities equal in these are recognised alike."""
        return self._planes[plane].fields

    def get(self, name: str) -> Recogniser | Correlation | RecordRule | RecordCorrelation | None:
        """Find a rule by its name, or by "name@version"."""
        plain = name.partition("@")[0]
        more: tuple[Correlation | RecordCorrelation, ...] = (*self.correlations, *self.record_correlations)
        return (
            self._by_name.get(plain)
            or self.records.get(plain)
            or next((rule for rule in more if rule.about.name == plain), None)
        )

    def abouts(self) -> tuple[About, ...]:
        """Give what every rule says of itself."""
        rules: list[Recogniser | Correlation | RecordRule | RecordCorrelation]
        rules = [*self.recognisers, *self.correlations, *self.records.values(), *self.record_correlations]
        return tuple(rule.about for rule in rules)

    def why(self, activity: Activity, recogniser: str) -> Result | None:
        """Give the tree of evidence for one activity and one recogniser; None when it does not recognise it.

        Raises KeyError when no recogniser has this name: a rule over original records cannot be asked later.
        """
        rule = self._by_name[recogniser.partition("@")[0]]
        if activity.plane not in rule.about.reads:
            return None
        names = tuple(FIELDS)
        return evaluate(rule.condition, dict(zip(names, reader(names)(activity), strict=True)))

    def explain(self, activity: Activity, recogniser: str) -> dict[str, Any]:
        """Give the values that made a recogniser see this activity, by field; empty when it does not recognise it."""
        if recogniser.partition("@")[0] in self.records:
            return {}
        result = self.why(activity, recogniser)
        return evidence(result) if result else {}


def _plane(plane: Plane, rules: Iterable[Recogniser]) -> _Plane:
    mine = sorted((rule for rule in rules if plane in rule.about.reads), key=lambda r: (-r.about.weight, r.about.name))
    used = frozenset().union(*(fields_of(rule.condition) for rule in mine))
    names = tuple(name for name in FIELDS if name in used)
    said = tuple(
        (rule.condition, Recognised(rule.about.key, rule.about.role, rule.about.weight, rule.about.level))
        for rule in mine
    )
    return _Plane(names, reader(names), said, {})


def _run(plane: _Plane, shape: tuple[Value, ...]) -> tuple[Recognised, ...]:
    values = dict(zip(plane.fields, shape, strict=True))
    return tuple(said for condition, said in plane.rules if evaluate(condition, values) is not None)


def load_pack(sources: Iterable[tuple[str, str]]) -> Pack:
    """Make a pack of rule files, given as (path, text). Raises RuleError for the first rule that is not valid."""
    recognisers: dict[str, Recogniser] = {}
    later: list[CorrelationText] = []
    seen: dict[str, str] = {}  # name or id -> where
    for path, text in sources:
        for rule in load_rules(text, path):
            about = rule.about
            where = f"{about.path}:{about.line}"
            for what in (about.name, about.id):
                if what in seen:
                    raise RuleError(f"{what!r} is the name or id of two rules", where=where, hint=f"see {seen[what]}")
                seen[what] = where
            if isinstance(rule, Recogniser):
                recognisers[about.name] = rule
            else:
                later.append(rule)
    return Pack(tuple(recognisers.values()), [load_correlation(rule, recognisers) for rule in later])


def with_own(pack: Pack, own: OwnRules) -> Pack:
    """Give a pack with the user's own rules added."""
    return Pack(pack.recognisers, pack.correlations, own)


def packaged_sources() -> tuple[tuple[str, str], ...]:
    """Give the packaged rule files as (path, text), sorted by name."""
    return tuple((str(item), item.read_text(encoding="utf-8")) for item in _rule_files_of(_folder()))


def _folder() -> Traversable:
    return files("tidewaiter").joinpath("packs", "recognisers")


def _rule_files_of(folder: Traversable) -> list[Traversable]:
    return sorted((item for item in folder.iterdir() if item.name.endswith(".yml")), key=lambda item: item.name)


class Compiled(msgspec.Struct, frozen=True):
    """The packaged rules as they are after parsing: what a start needs, without pySigma's 0.1 s of import."""

    digest: str  # of the rule files and of this program's idea of a rule; another digest means: parse them
    recognisers: tuple[Recogniser, ...]
    correlations: tuple[Correlation, ...]


_COMPILED = "compiled.msgpack"


def digest(sources: Iterable[tuple[str, bytes]]) -> str:
    """Name a set of rule files, given as (name, content), together with the layout of what is made of them."""
    shape = repr((Recogniser.__struct_fields__, Correlation.__struct_fields__, About.__struct_fields__))
    found = blake2b(shape.encode(), digest_size=16)
    for name, content in sources:
        found.update(name.encode() + b"\0" + content + b"\0")
    return found.hexdigest()


def compile_packaged() -> bytes:
    """Parse the packaged rules and give them in the form that `packaged` reads quickly (`make compiled` writes it)."""
    pack = load_pack((item.name, item.read_text(encoding="utf-8")) for item in _rule_files_of(_folder()))
    now = digest((item.name, item.read_bytes()) for item in _rule_files_of(_folder()))
    # Examples are for `rules test` and the tests, which parse the files.
    bare = tuple(msgspec.structs.replace(rule, examples=Examples()) for rule in pack.recognisers)
    return msgspec.msgpack.encode(Compiled(now, bare, pack.correlations))


@cache
def packaged() -> Pack:
    """Give the packaged recognisers: the compiled ones if they are of these very files, else parsed anew."""
    folder = _folder()
    try:
        compiled = msgspec.msgpack.decode(folder.joinpath(_COMPILED).read_bytes(), type=Compiled)
    except (OSError, msgspec.MsgspecError):
        return load_pack(packaged_sources())
    if compiled.digest != digest((item.name, item.read_bytes()) for item in _rule_files_of(folder)):
        return load_pack(packaged_sources())
    return Pack(
        [_placed(rule, folder) for rule in compiled.recognisers],
        [_placed(rule, folder) for rule in compiled.correlations],
    )


_Rule = TypeVar("_Rule", Recogniser, Correlation)


def _placed(rule: _Rule, folder: Traversable) -> _Rule:
    about = msgspec.structs.replace(rule.about, path=str(folder.joinpath(rule.about.path)))
    return msgspec.structs.replace(rule, about=about)
