"""What the runs come to: medians, targets."""

from __future__ import annotations

import statistics
from typing import Any

from operators import OURS, PEER
from target import Target, at_least, at_most

# By the names that the world gives them.
SCENARIOS = {
    "create": "created at once",
    "rest": "rest",
    "restart": "restart",
    "pods": "pods come",
    "changes": "changes beside silent pods",
    "restart_pods": "restart, with pods",
    "rest_pods": "rest, with pods",
}
TIMED = ("create", "restart", "pods", "restart_pods")
RESTS = ("rest", "rest_pods")
NUMBERS = ("seconds", "reconciles_per_second", "cpu_seconds", "rss_mib", "rss_peak_mib", "bytes", "writes")

RSS_WITHOUT_PODS_MIB = 32.0
RSS_WITH_PODS_MIB = 64.0
RECONCILES_PER_SECOND = 100.0
CHANGE_SECONDS = 1.0

Figures = dict[str, Any]


def of_scenario(runs: list[Figures]) -> Figures:
    """Medians; of the changes the slowest of each run, and its median."""
    result = {name: statistics.median(run[name] for run in runs) for name in NUMBERS}
    result["writes"] = max(run["writes"] for run in runs)
    if "changes" in runs[0]:
        result["slowest_change"] = statistics.median(max(run["changes"]) for run in runs)
        result["median_change"] = statistics.median(statistics.median(run["changes"]) for run in runs)
    return {**result, "rounds": runs}


def summarize(runs: dict[str, list[Figures]]) -> dict[str, Figures]:
    """By scenario and operator, of what `measure` gave for each round."""
    return {
        name: {operator: of_scenario([run["scenarios"][name] for run in each]) for operator, each in runs.items()}
        for name in SCENARIOS
    }


def _against_peer(scenarios: dict[str, Figures]) -> list[Target]:
    targets = []
    for name, title in SCENARIOS.items():
        ours, peer = (scenarios[name].get(operator.name) for operator in (OURS, PEER))
        if ours is None or peer is None:
            continue
        compared = [("cpu_seconds", "CPU", "s"), ("rss_peak_mib", "most memory", "MiB"), ("bytes", "bytes", "B")]
        if name in TIMED:
            compared.insert(0, ("seconds", "time", "s"))
        if name not in RESTS:
            compared.append(("writes", "writes", "writes"))
        if "slowest_change" in ours:
            compared.append(("slowest_change", "the slowest change", "s"))
        targets += [
            at_most(f"{title}: {what}, no more than the Go operator", ours[figure], peer[figure], unit)
            for figure, what, unit in compared
        ]
    return targets


def evaluate(scenarios: dict[str, Figures]) -> list[Target]:
    ours = {name: each[OURS.name] for name, each in scenarios.items() if OURS.name in each}
    if not ours:
        return []
    without = max(ours[name]["rss_peak_mib"] for name in ("create", "rest", "restart"))
    with_pods = max(ours[name]["rss_peak_mib"] for name in ("pods", "changes", "restart_pods", "rest_pods"))
    targets = [
        at_most("most memory without pods", without, RSS_WITHOUT_PODS_MIB, "MiB"),
        at_most("memory at rest without pods", ours["rest"]["rss_mib"], RSS_WITHOUT_PODS_MIB, "MiB"),
        at_most("most memory with pods", with_pods, RSS_WITH_PODS_MIB, "MiB"),
        at_most("memory at rest with pods", ours["rest_pods"]["rss_mib"], RSS_WITH_PODS_MIB, "MiB"),
    ]
    for name in ("create", "pods"):
        rate = ours[name]["reconciles_per_second"]
        targets.append(at_least(f"{SCENARIOS[name]}: reconciles", rate, RECONCILES_PER_SECOND, "1/s"))
    targets += [at_most(f"{SCENARIOS[name]}: writes", ours[name]["writes"], 0, "writes") for name in RESTS]
    for name, each in ours.items():
        if "slowest_change" in each:
            title = f"{SCENARIOS[name]}: the slowest change"
            targets.append(at_most(title, each["slowest_change"], CHANGE_SECONDS, "s"))
    return targets + _against_peer(scenarios)
