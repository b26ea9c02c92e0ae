"""What is known around an episode: the facts that fill sentences and commands, and which entries of a table fit.

The tables are data: `packs/vocabulary/next.yml`, `contain.yml` and `signs.yml`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

import msgspec

from tidewaiter.model import Actor, Episode, Sighting
from tidewaiter.wording import Value

UNDATED = 1970  # year of records whose format knows no date
_CLOUDS = {"cloudtrail": "aws", "gcp-audit": "gcp", "azure-activity": "azure"}  # source -> cloud
_WINDOWS_SOURCES = frozenset({"windows-event"})
_WINDOWS_PROGRAM = re.compile(r"\.exe\b|\\\\\.\\pipe\\", re.IGNORECASE)
_PROJECT = re.compile(r"[a-z][a-z0-9:.-]{3,60}", re.ASCII)  # Google Cloud, "Creating and managing projects"
_GOOGLE_ACCOUNT = re.compile(r"[a-z0-9][a-z0-9.@-]*\.gserviceaccount\.com", re.ASCII)  # never an option of gcloud
_SSO_ROLE = "AWSReservedSSO_"  # roles of IAM Identity Center: they cannot be changed in the account itself
# Where pods and machines of one's own are: RFC 1918, 6598, 4193.
_INSIDE = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")))
_CONDITIONS = ("planes", "actors", "measures", "rules", "with_reviews", "systems", "clouds", "names", "unless_names")
_KEYS = ("say", "ask", "do")


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """An episode with what its sightings say of the machine and the cloud it happened on."""

    episode: Episode
    system: str  # "unix" or "windows"
    cloud: str  # "aws", "gcp", "azure", or nothing
    facts: Mapping[str, Value]  # by the names the tables use; what is not known is not there


def circumstances(episode: Episode, sightings: Sequence[Sighting]) -> Circumstances:
    """Gather what is known around an episode."""
    source = sightings[0].origin.source if sightings else ""
    cloud = _CLOUDS.get(source, "") if episode.plane == "cloud" else ""
    windows = episode.plane in {"host", "engine"} and _on_windows(episode.actor, source, sightings)
    facts: dict[str, Value] = {
        **_names(episode.actor),
        **_times(episode),
        **_places(episode, sightings),
        **(_windows_names(episode.actor) if windows else {}),
        **(_cloud_names(episode, cloud) if cloud else {}),
    }
    return Circumstances(episode=episode, system="windows" if windows else "unix", cloud=cloud, facts=facts)


def fitting(table: Iterable[dict[str, Any]], around: Circumstances) -> Iterator[tuple[str, dict[str, Value]]]:
    """Give the key of every entry that fits, with the values that fill its placeholders."""
    for entry in table:
        wanted = {name: str(fact) for name, fact in entry.items() if name not in _CONDITIONS and name not in _KEYS}
        if fits(entry, around) and all(fact in around.facts for fact in wanted.values()):
            key = next(str(entry[name]) for name in _KEYS if name in entry)
            yield key, {name: around.facts[fact] for name, fact in wanted.items()}


def fits(entry: Mapping[str, Any], around: Circumstances) -> bool:
    """Tell whether every condition of an entry holds."""
    episode = around.episode
    have: dict[str, set[str]] = {
        "planes": {episode.plane},
        "actors": {episode.actor.kind},
        "measures": {item.measure for item in episode.surprises},
        "rules": {rule.recogniser.partition("@")[0] for rule in episode.tripwires},
        "systems": {around.system},
        "clouds": {around.cloud},
        "names": {episode.actor.name},
    }
    if "with_reviews" in entry and not episode.reviews:
        return False
    if episode.actor.name in entry.get("unless_names", ()):
        return False
    return all(values & set(entry[name]) for name, values in have.items() if name in entry)


def _names(actor: Actor) -> dict[str, Value]:
    name = actor.name
    facts: dict[str, Value] = {
        "name": name,
        "short": name,
        "subject": f"system:node:{name}" if actor.kind == "node" else name,
        "account": name.removeprefix("uid "),
        "pattern": name.replace("uid ", "uid=", 1) if name.startswith("uid ") else name,
    }
    namespace, slash, short = name.partition("/")
    if actor.kind == "service-account" and slash:
        facts |= {"namespace": namespace, "short": short, "subject": f"system:serviceaccount:{namespace}:{short}"}
    return facts


def _times(episode: Episode) -> dict[str, Value]:
    # A time that no record holds would only mislead the one who pastes the command.
    if episode.opens.year == UNDATED:
        return {"undated": ""}
    return {"at": episode.opens, "until": episode.closes}


def _places(episode: Episode, sightings: Sequence[Sighting]) -> dict[str, Value]:
    facts: dict[str, Value] = {}
    if episode.addresses:
        facts["address"] = episode.addresses[0]
        try:
            address = ip_address(episode.addresses[0])
        except ValueError:
            pass  # a host name, or what a log claims to be an address: no firewall takes it
        else:
            facts[f"ipv{address.version}"] = str(address)
            if any(address in network for network in _INSIDE if network.version == address.version):
                facts["private"] = str(address)
    if sightings and _searchable(sightings[0].origin.path):
        facts["path"] = sightings[0].origin.path
    return facts


def _on_windows(actor: Actor, source: str, sightings: Sequence[Sighting]) -> bool:
    if source in _WINDOWS_SOURCES or (actor.kind == "host-user" and "\\" in actor.name):
        return True
    return any(_WINDOWS_PROGRAM.search(seen.text) for seen in sightings)


def _windows_names(actor: Actor) -> dict[str, Value]:
    r"""Split DOMAIN\name; an account of the machine itself carries the machine's name as its domain."""
    domain, _, name = actor.name.rpartition("\\")
    facts: dict[str, Value] = {"windows_account": name}
    if actor.kind != "host-user" or name.endswith("$") or domain.upper() == "NT AUTHORITY":
        return facts  # the machine, or a service of it: nothing to disable
    local = domain.upper() in {"", ".", actor.realm.partition(".")[0].upper()}
    return facts | {"local_account" if local else "domain_account": name}


def _cloud_names(episode: Episode, cloud: str) -> dict[str, Value]:
    actor = episode.actor
    if cloud == "aws":
        return _aws_names(actor)
    if cloud == "gcp":
        return _google_names(episode)
    app = actor.name.removeprefix("app/")
    facts: dict[str, Value] = {"azure_principal": app}
    return facts | ({"azure_app": app} if app != actor.name else {})


def _aws_names(actor: Actor) -> dict[str, Value]:
    role = actor.name.removeprefix("role/") if actor.name.startswith("role/") else actor.via
    if role and role.startswith(_SSO_ROLE):
        return {"aws_sso": actor.name}
    if role:
        return {"aws_role": role}
    return {"aws_user": actor.name} if actor.kind == "user" and actor.name != "root" else {}


def _google_names(episode: Episode) -> dict[str, Value]:
    actor = episode.actor
    facts: dict[str, Value] = {}
    account = actor.via or actor.name
    if _GOOGLE_ACCOUNT.fullmatch(account) and actor.kind != "component":
        facts["gcp_account"] = account
    if _PROJECT.fullmatch(actor.realm):
        facts["project"] = actor.realm
    if episode.opens.year != UNDATED:
        who = actor.name.replace("\\", "\\\\").replace('"', '\\"')
        since = f"{episode.opens:%Y-%m-%dT%H:%M:%SZ}"
        facts["gcp_filter"] = f'protoPayload.authenticationInfo.principalEmail="{who}" AND timestamp>="{since}"'
    return facts


def _searchable(path: str) -> bool:
    """Tell whether zgrep can look into an input: not into standard input, a URL or other archives."""
    return path != "-" and "!" not in path and "://" not in path and not path.endswith((".zst", ".bz2", ".xz", ".zip"))
