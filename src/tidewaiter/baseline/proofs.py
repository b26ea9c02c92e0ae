"""What is not novelty but proof: a credential in two places, forged origins, one identity behind another.

Each proof is a query that leaves over those sightings which its past does not explain; the correlation that names it
(`proof:` of a rule) counts them. What an estate does every day is no proof of anything: several egress addresses,
proxies, restarts on a new address, pools of runners, help desks.
"""

from __future__ import annotations

from typing import Final

from tidewaiter.baseline.measure import script
from tidewaiter.store import Store

# Name of the proof, as rules give it -> its query. They have the columns of `counted_rows`.
SCRIPTS: Final[dict[str, str]] = {
    "pod-away": "proof_pod_away",
    "node-away": "proof_node_away",
    "two-places": "proof_two_places",
    "unbound": "proof_unbound",
    "claims": "proof_claims",
    "claims-inside": "proof_claims_inside",
    "impersonation": "proof_impersonation",
    "chained": "proof_chained",
    "other-program": "proof_other_program",
}


def prepare(store: Store) -> None:
    """Make the tables that the proofs share: which credential was used from where, day by day."""
    store.script(script("proof"))
