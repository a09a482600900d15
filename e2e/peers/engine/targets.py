"""What the engine has to reach, and whether it did."""

from __future__ import annotations

from typing import Any

from target import Target, at_least, at_most

GET_PUT_LIMIT_NS = 150.0
# What a known manager of many PostgreSQL databases serves on a machine of this kind, in operations/s: at a budget of 100
# at most 0.8k; at a budget of 20 up to 2.8k, while it refuses half of all calls.
KNOWN_RATE = {20: 2800.0, 100: 800.0}
TIMES_KNOWN_RATE = {20: 1.0, 100: 3.0}
SHARE_OF_BOUND = 0.8


def _against_peers(case: dict[str, Any]) -> Target | None:
    """Better than the best of the others; None when there is none."""
    pools = case["pools"]
    others = {name: pool["value"] for name, pool in pools.items() if name != "ours" and pool["value"] is not None}
    if not others:
        return None
    better = max if case["more_is_better"] else min
    best = better(others, key=lambda name: others[name])
    name = f"{case['title']}: better than every other pool (best: {best})"
    make = at_least if case["more_is_better"] else at_most
    return make(name, pools["ours"]["value"], others[best], case["unit"])


def _zipf(case: dict[str, Any], bound: float) -> list[Target]:
    budget = case["connections"]
    ours = case["pools"]["ours"]
    title = case["title"]
    peak = max(run["backends_peak"] for run in ours["rounds"])
    refused = sum(run["refused"] for run in ours["rounds"])
    known = KNOWN_RATE[budget] * TIMES_KNOWN_RATE[budget]
    targets = [
        at_most(f"{title}: most backends seen in any run", peak, budget, "backends"),
        at_most(f"{title}: refused calls in all runs", refused, 0, "calls"),
        at_least(f"{title}: against a known manager", ours["value"], known, case["unit"]),
    ]
    if budget == 20:
        name = f"{title}: {SHARE_OF_BOUND:.0%} of what new backends and an ideal LRU allow"
        targets.append(at_least(name, ours["value"], SHARE_OF_BOUND * bound, case["unit"]))
    return targets


def evaluate(cases: list[dict[str, Any]], bounds: dict[str, float]) -> list[Target]:
    """`cases` as in engine.json; `bounds`: operations/s by budget."""
    targets: list[Target] = []
    for case in cases:
        if case["case"] == "get_put" and case["clients"] == 1:
            nanoseconds = 1e9 / case["pools"]["ours"]["value"]
            targets.append(at_most(f"{case['title']}: time of one", nanoseconds, GET_PUT_LIMIT_NS, "ns"))
        if case["case"] == "zipf":
            targets += _zipf(case, bounds[str(case["connections"])])
        if target := _against_peers(case):
            targets.append(target)
    return targets
