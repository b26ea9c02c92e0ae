"""Objects of OCSF 1.8.0 that a Detection Finding is made of: evidence, attacks, anomalies, who and where."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tidewaiter import __version__
from tidewaiter.meaning.techniques import attack_version, tactics, technique_name
from tidewaiter.sinks.document import Document, is_numeric, numeric_addresses, recognisers, techniques

_USER_TYPES = {  # user.type_id
    "user": (1, "User"),
    "host-user": (1, "User"),
    "service-account": (4, "Service"),
    "node": (3, "System"),
    "component": (3, "System"),
    "container": (99, "container"),
    "address": (99, "address"),
}
_UNKNOWN = (0, "Unknown")
_ADDRESS, _USER = 2, 4  # observable.type_id


def without_nothing(made: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is not known: an optional attribute is absent, never null."""
    return {key: value for key, value in made.items() if value not in (None, "", [], {})}


def product() -> dict[str, Any]:
    """Name this program."""
    return {"name": "tidewaiter", "vendor_name": "tidewaiter", "version": __version__}


def actor(who: Document) -> dict[str, Any]:
    """Give an actor; one without a name has at least its kind."""
    number, kind = _USER_TYPES.get(who["kind"], _UNKNOWN)
    name = who["name"] or who["kind"]
    return {"user": without_nothing({"name": name, "domain": who["realm"], "type_id": number, "type": kind})}


def endpoint(addresses: Iterable[str]) -> dict[str, Any] | None:
    """Give the first of the addresses; one that is no number is a name."""
    for address in addresses:
        return {"ip": address} if is_numeric(address) else {"name": address}
    return None


def evidences(finding: Document) -> list[dict[str, Any]]:
    """Give each sighting and each thing that followed, with its record and who it was."""
    who, where = actor(finding["actor"]), endpoint(finding["addresses"])
    seen = [
        without_nothing({
            "uid": one["activity"],
            "name": one["recogniser"],
            "actor": who,
            "src_endpoint": where,
            "data": {key: one[key] for key in ("at", "text", "evidence", "origin")},
        })
        for one in finding["sightings"]
    ]  # fmt: skip
    followed = [
        without_nothing({
            "uid": one["activity"],
            "name": one["recogniser"],
            "actor": actor(one["actor"]) if one["actor"] else who,
            "data": {key: one[key] for key in ("at", "text", "what", "technique", "outcome", "times", "origin")},
        })
        for one in finding["chain"]
    ]  # fmt: skip
    return seen + followed


def attacks(finding: Document) -> list[dict[str, Any]]:
    """Give each technique under each of its tactics; one that is not known has no tactic."""
    made = []
    for technique in techniques(finding):
        parent, dot, _ = technique.partition(".")
        named: dict[str, Any] = {"technique": _named(parent), **({"sub_technique": _named(technique)} if dot else {})}
        version = {"version": attack_version()} if tactics(technique) else {}
        made += [{**named, "tactic": {"uid": uid, "name": name}, **version} for uid, name in tactics(technique)] or [
            named
        ]
    return made


def tactic_names(found: Iterable[str]) -> list[str]:
    """Name the tactics of techniques, each once."""
    return list(dict.fromkeys(name for technique in found for _, name in tactics(technique)))


def analytics(finding: Document) -> list[dict[str, Any]]:
    """Give the rules that spoke."""
    made = []
    for rule in recognisers(finding):
        name, _, version = rule.partition("@")
        made.append(without_nothing({"uid": rule, "name": name, "version": version, "type_id": 1, "type": "Rule"}))
    return made


def related(finding: Document) -> list[dict[str, Any]]:
    """Name the other findings of the same story."""
    others = dict.fromkeys(one["finding"] for one in finding["chain"] if one["finding"])
    return [{"uid": uid, "type": "Detection Finding", "product": product()} for uid in others]


def anomalies(finding: Document) -> list[dict[str, Any]]:
    """Give the surprises: what was observed, beside what is usual where anything is."""
    surprises = finding["surprises"]
    if not surprises:
        return []
    usual = [_observed(one["measure"], one["usual"]) for one in surprises if one["usual"]]
    return [
        without_nothing({
            "analysis_targets": [{"name": finding["actor"]["name"] or "-", "type": finding["actor"]["kind"]}],
            "anomalies": [_observed(one["measure"], one["observed"]) for one in surprises],
            "baselines": usual,
        })
    ]  # fmt: skip


def resources(finding: Document) -> list[dict[str, Any]]:
    """Give the namespaces that were read; a read of everything names none, and a resource must have a name."""
    return [{"name": name, "type": "namespace"} for name in finding["looked_at"]["namespaces"] if name != "*"]


def observables(finding: Document) -> list[dict[str, Any]]:
    """Give what an analyst searches for elsewhere."""
    made = [
        {"name": "evidences[].src_endpoint.ip", "type_id": _ADDRESS, "type": "IP Address", "value": address}
        for address in numeric_addresses(finding)
    ]
    if finding["actor"]["name"]:
        name = finding["actor"]["name"]
        made.append({"name": "evidences[].actor.user.name", "type_id": _USER, "type": "User Name", "value": name})
    return made


def remediation(finding: Document) -> dict[str, Any] | None:
    """Give the steps that would stop it, with what they break."""
    steps = finding["explanation"].get("contain")
    return {"desc": "\n".join(steps)} if steps else None


def _named(technique: str) -> dict[str, Any]:
    address = f"https://attack.mitre.org/techniques/{technique.replace('.', '/')}/"
    return without_nothing({"uid": technique, "name": technique_name(technique), "src_url": address})


def _observed(measure: str, value: str) -> dict[str, Any]:
    return {"observation_parameter": measure, "observations": [{"value": value}]}
