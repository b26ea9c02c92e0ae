"""The words of tidewaiter: frozen values that every stage understands.

The same name is used in code, tables, JSON, the command line and the documentation.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec

ActorKind = Literal[
    "user",  # a person or other principal of a cluster
    "service-account",  # system:serviceaccount:*
    "node",  # system:node:*
    "component",  # part of the control plane itself (system:kube-*, system:apiserver)
    "anonymous",  # no credential, or one that was not accepted; keyed by address
    "host-user",  # an operating system account
    "container",  # a process in a container whose account says nothing
    "address",  # only a network address is known
    "unknown",  # the sensor does not record who it was
]
Plane = Literal["kubernetes", "engine", "host", "web", "cloud"]
Verb = Literal[
    "list",  # reads a collection (a watch that first returns every object is a list)
    "get",  # reads one object
    "watch",  # follows changes only
    "discover",  # asks which APIs or versions there are
    "review",  # asks what an identity may do
    "logs",  # reads the output of a container
    "exec",  # runs a program in a container
    "connect",  # opens a connection whose request is not known
    "start",  # starts a program of which nothing more is understood; a user's own rule asked for it
    "probe",  # health and liveness
    "create",
    "update",
    "delete",
]
Scope = Literal["one", "namespace", "everything"]
Outcome = Literal["answered", "refused", "failed", "unknown"]
Level = Literal["info", "low", "medium", "high", "critical"]
Decision = Literal["expected", "benign", "suspicious", "malicious"]
ProfileState = Literal["learning", "warm", "stale"]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Shared = Literal["actor", "container", "address"]
RecordKind = Literal["linux-process", "windows-process", "macos-process", "kube-audit"]  # what users' own rules read

LEVELS: tuple[Level, ...] = ("info", "low", "medium", "high", "critical")


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where the original record is."""

    source: str  # name of the source that read it, such as "kube-audit"
    path: str  # file as given on the command line; "-" is standard input; "a.zip!member" in an archive
    line: int  # 1-based; the first line of the record
    offset: int  # bytes from the start of the (decompressed) file


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who acted; a value that can be a key."""

    kind: ActorKind
    name: str
    realm: str  # where the name is valid: "kubernetes", a host name, "engine", "web"
    via: str | None = None  # whose credential carried the request (impersonation, a console's account)


class Meaning(msgspec.Struct, frozen=True, kw_only=True):
    """What one command, request or target does, whoever did it: the answer of the readers in `meaning/`."""

    verb: Verb
    kind: str  # canonical plural: pods, nodes, containers, images, ...
    scope: Scope | None = None
    namespace: str | None = None
    name: str | None = None
    tool: str | None = None  # canonical tool family, such as "docker", "kubectl", "curl"
    traits: tuple[str, ...] = ()  # sorted ids from packs/vocabulary/traits.yml


class RuleMatch(msgspec.Struct, frozen=True, kw_only=True):
    """One of the user's own rules held for the original record."""

    rule: str  # "name@version"
    values: tuple[tuple[str, str], ...] = ()  # field and value: what made it hold, and what correlations ask for


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """One thing done, in normal form."""

    id: str  # stable: made from the record itself, so reading it twice changes nothing
    at: datetime  # UTC; when the request arrived or the program started
    actor: Actor
    plane: Plane
    verb: Verb
    kind: str
    resource_class: str  # class of the kind, see packs/vocabulary/classes.yml
    scope: Scope | None = None
    namespace: str | None = None
    name: str | None = None
    outcome: Outcome = "unknown"
    disclosed: int | None = None  # bytes of the answer, when the record says so
    address: str | None = None  # the network peer as the recording server saw it, not as a header claims
    tool: str | None = None  # name and major.minor, such as "kubectl/1.32"; a claim of the client
    container: str | None = None  # container id or pod name, when the actor ran in one
    node: str | None = None  # node of the pod to which the actor's token is bound
    credential: str | None = None  # short hash that tells one credential from another; never the credential itself
    claimed: str | None = None  # address from which a relayed request says it came; anyone can say so
    groups: tuple[str, ...] = ()  # of a person, as the server authenticated it; see meaning/likeness.py
    text: str = ""  # the command line or request target, as a person would quote it
    traits: tuple[str, ...] = ()
    origin: Origin
    rules: tuple[RuleMatch, ...] = ()  # the user's own rules that held for the original record


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """This activity looks around, says this recogniser."""

    recogniser: str  # "id@version"
    at: datetime
    activity: str  # Activity.id
    text: str
    evidence: dict[str, Any]  # which clause held on which value
    origin: Origin


class Surprise(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One measured departure from what is ordinary for the actor, its peers or the estate."""

    measure: str  # "new-kind", "breadth", ...
    observed: str
    usual: str
    peers: str  # "k of n" actors of the same sort for whom this is ordinary
    history_days: int  # distinct days of this actor before the episode
    bits: float  # log2 of how many times rarer than ordinary, as much as it adds to the others
    group: str = ""  # of these peers, where it is narrower than the sort of the actor; see meaning/likeness.py


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was done after looking around, in the story of a finding."""

    at: datetime
    actor: Actor | None = None  # who, where it was another identity than the finding's
    shared: Shared = "actor"  # what joins it to the finding
    what: str = ""  # in words, such as "reads secrets"
    technique: str
    text: str
    outcome: Outcome
    times: int = 1  # how often the same was done in this story
    prior: int = 0  # earlier days on which whoever did it did the same
    bits: float = 0.0
    finding: str | None = None  # the other finding, where this is one
    recogniser: str  # "id@version"
    activity: str  # Activity.id
    origin: Origin


class LookedAt(msgspec.Struct, frozen=True, kw_only=True):
    """What an episode read, in numbers."""

    kinds: tuple[str, ...]
    namespaces: tuple[str, ...]  # "*" stands for reads over all namespaces
    scope: Scope
    requests: int
    answered: int
    refused: int


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """The words of a finding; drawn from its evidence only, so equal facts give equal words."""

    what: str
    why: str  # one reason a line
    innocent: tuple[str, ...]  # each with what would confirm it; a command that shows it may follow on a second line
    next: tuple[str, ...]  # a question; a command that answers it may follow on a second line
    means: str = ""  # what an episode like this usually is; one sentence a line
    contain: tuple[str, ...] = ()  # a step and what it breaks; its command, never run, may follow on a second line


class Verdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was decided about a finding, by whom and why."""

    decision: Decision
    by: str  # "tidewaiter" or a person
    why: str
    id: str | None = None  # of a person's verdict, see Ruling
    until: datetime | None = None  # when a person's verdict expires


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What a verdict covers: a finding lies within it when all of it does."""

    actor: Actor
    plane: Plane | None
    kinds: tuple[str, ...]
    namespaces: tuple[str, ...]  # "*" stands for all
    tools: tuple[str, ...]  # families: the version may change
    networks: tuple[str, ...]  # /24 and /48
    rules: tuple[str, ...]  # names without version
    techniques: tuple[str, ...]
    scope: Scope  # the widest
    level: Level  # the highest
    chained: bool  # it went on to act on what it had read


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict of a person as it is kept: on which finding, what it covers, until when."""

    schema: Literal["tidewaiter.verdict/1"]
    id: Annotated[str, msgspec.Meta(pattern=r"\AV-[0-9a-f]{12}\Z")]
    finding: Annotated[str, msgspec.Meta(pattern=r"\AF-[0-9a-z]{1,64}\Z")]
    decision: Decision
    by: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    why: Annotated[str, msgspec.Meta(max_length=2000)]
    at: Moment
    until: Moment  # it does not apply from then on
    opens: Moment  # the episode that was judged
    closes: Moment
    covers: Shape
    signs: tuple[str, ...]  # rules and measures that spoke: the history of verdicts is counted by these
    revoked: Moment | None = None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """An episode of looking around that someone should judge."""

    schema: str = "tidewaiter.finding/1"
    id: str  # from actor and first sighting: the same log gives the same id
    techniques: tuple[str, ...]
    level: Level  # how bad if true
    confidence: float  # 0 to 1, how sure
    headline: str
    actor: Actor
    plane: Plane | None = None  # None in what earlier versions wrote
    from_: datetime = msgspec.field(name="from")
    until: datetime
    addresses: tuple[str, ...]
    tools: tuple[str, ...]
    looked_at: LookedAt
    surprises: tuple[Surprise, ...]
    chain: tuple[Link, ...] = ()  # what was done after looking around
    rules: tuple[str, ...] = ()  # "name@version" of those that stand alone
    sightings: tuple[Sighting, ...]
    explanation: Explanation
    verdict: Verdict


class Departure(msgspec.Struct, frozen=True, kw_only=True):
    """One value that was not yet known to an actor on a day, with the counts that say how rare that is."""

    dimension: str  # kind, namespace, scope, tool, network, hour, refused, tripwire
    value: str
    prior: int  # earlier days on which this actor did it (0 or 1)
    history: int  # earlier days on which this actor did anything
    innovations: int  # earlier days, after its first, on which it did something new of this dimension
    peers_known: int  # actors of the same kind to whom it is known
    peers: int
    estate_known: int  # actors of any kind to whom it is known
    estate: int
    group: str = ""  # which peers these are, where they are narrower than a sort; see meaning/likeness.py


class Breadth(msgspec.Struct, frozen=True, kw_only=True):
    """How many distinct kinds were read within a sliding window."""

    window: str  # 10s, 10min, 1h, 24h
    observed: int
    usual: int | None  # the most on any earlier day of this actor on which it was answered; None without such days
    peers: float | None  # what three quarters of its peers stay below on every day; None without peers
    classes: int = 0  # distinct classes of these kinds, such as workload, network, authority
    usual_classes: int | None = None
    peers_classes: float | None = None


class Tripwire(msgspec.Struct, frozen=True, kw_only=True):
    """A recogniser that stands alone, as it fired within an episode."""

    recogniser: str  # "name@version"
    weight: float  # bits
    times: int
    prior: int  # earlier days on which the same actor set it off and was answered


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """What one actor did that was notable, in one stretch of time, with everything needed to judge it."""

    actor: Actor
    plane: Plane
    opens: datetime
    closes: datetime
    kinds: tuple[str, ...]
    namespaces: tuple[str, ...]
    tools: tuple[str, ...]
    addresses: tuple[str, ...]
    scope: Scope
    requests: int
    answered: int
    refused: int
    reviews: int
    from_public: bool
    history: int  # earlier days on which this actor did anything on this plane
    idle_days: int | None  # days since it was last active before; None when it never was
    estate_days: int  # earlier days on which anybody did anything on this plane
    arrival_days: int  # of these, days on which somebody new came
    departures: tuple[Departure, ...]
    breadth: tuple[Breadth, ...]
    tripwires: tuple[Tripwire, ...]
    evidence: tuple[str, ...]  # "name@version" of the ordinary recognisers
    usual: dict[str, tuple[str, ...]]  # dimension -> values known to this actor before, a few
    # What follows is weighed from the above by the baseline.
    state: ProfileState = "learning"
    estate_learning: bool = True  # nobody's past is long enough to compare with
    surprises: tuple[Surprise, ...] = ()  # the heaviest first
    tripwire_bits: float = 0.0
    chain: tuple[Link, ...] = ()  # what followed, in the order of time
    chain_bits: float = 0.0
    containers: tuple[str, ...] = ()  # container ids or names of pods from which it came
    first_day: date | None = None  # the first day of its history


class Habit(msgspec.Struct, frozen=True, kw_only=True):
    """One value of a profile: something that an actor did."""

    value: str
    days: int  # on which it was done
    known: bool  # answered on two distinct days
    since: date
    until: date


class Rhythm(msgspec.Struct, frozen=True, kw_only=True):
    """How often an actor looks around."""

    requests: int
    usual_a_day: float  # half of its active days have more
    most_a_day: int
    every: float | None  # seconds from one read of a kind to the next, in the middle; None for too few
    regular: bool  # half of all repetitions lie within a fifth of that


class Peers(msgspec.Struct, frozen=True, kw_only=True):
    """A group of actors that are alike."""

    group: str  # see meaning/likeness.py
    members: int  # others with a past of two days
    example: str | None


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What is ordinary for an actor on a plane."""

    schema: str = "tidewaiter.profile/1"
    actor: Actor
    plane: Plane
    state: ProfileState
    first: date
    last: date
    today: date  # the last day of anybody in the store: the profile is told as of then
    days: int  # on which it looked around
    answered_days: int
    habits: dict[str, tuple[Habit, ...]]  # by dimension, the most frequent first
    rhythm: Rhythm
    peers: Peers | None  # with whom it is compared
    groups: tuple[Peers, ...]
    would_surprise: dict[str, float]  # dimension -> bits of something new that none of its like does
