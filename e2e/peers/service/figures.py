"""What the runs come to: medians, ratios, targets."""

from __future__ import annotations

import statistics
from typing import Any

from cases import UNITS, Case
from runner import Figures
from services import BARE, DEFAULTS, OURS, PEER, Service
from target import Target, at_least, at_most

MANY_CLIENTS = 64
TIMES_PEER = 5.0  # of its throughput, with many clients
SHARE_OF_BARE = 0.5  # of what our HTTP server answers alone, with many clients
TIMES_PEER_LISTS = 3.0
SHARE_OF_COPY = {100: 0.75, 500: 0.85}  # in batches of so many
RSS_LIMIT_MIB = 32.0
P99_LIMIT_MS = 100.0  # at MOST_CLIENTS
MOST_CLIENTS = 500
SOAK_GROWTH = 1.05  # times the memory at the beginning: the allocator's noise

# The reference DataStorage on a machine of this kind: from, to.
REFERENCE: dict[str, Any] = {
    "single_posts_per_second": [250, 780],
    "batch_events_per_second": [2400, 5600],
    "lists_per_second": [190, 720],
    "p99_seconds_at_500_clients": 5,
}

Runs = dict[tuple[Case, Service], list[Figures]]
Copies = dict[Case, list[Figures]]


def of_service(runs: list[Figures]) -> dict[str, Any]:
    """Medians of the runs, and the least and the most of their rates; none of them when a run had problems."""
    problems = [problem for run in runs for problem in run["problems"]]
    medians: dict[str, Any] = {}
    if not problems:
        values = {name: [run[name] for run in runs] for name in UNITS}
        medians = {name: statistics.median(each) for name, each in values.items() if None not in each}
        rates = values["requests_per_second"]
        medians["spread"] = [min(rates), max(rates)]
    return {**medians, "problems": problems, "rounds": runs}


def of_copy(case: Case, runs: list[Figures], copies: list[Figures]) -> dict[str, Any]:
    """COPY of the rows of each round against that round."""
    shares = [run["events_per_second"] / copy["rows_per_second"] for run, copy in zip(runs, copies)]
    return {
        "rows_per_second": statistics.median(copy["rows_per_second"] for copy in copies),
        "ours_of_it": statistics.median(shares),
        "rounds": copies,
    }


def ratio(ours: dict[str, Any], other: dict[str, Any] | None) -> float | None:
    """Of the requests per second; None where one of the two was not measured."""
    if other is None or ours["problems"] or other["problems"]:
        return None
    rate: float = ours["requests_per_second"] / other["requests_per_second"]
    return rate


def summarize(runs: Runs, copies: Copies) -> list[dict[str, Any]]:
    cases = []
    for case in dict.fromkeys(case for case, _ in runs):
        services = {service.name: of_service(each) for (of, service), each in runs.items() if of == case}
        ours = services[OURS.name]
        summary: dict[str, Any] = {
            "title": case.title,
            "case": case.kind,
            "clients": case.clients,
            "events_per_request": case.events,
            "services": services,
            "times_peer": ratio(ours, services.get(PEER.name)),
            "share_of_bare": ratio(ours, services.get(BARE.name)),
        }
        if case in copies and not ours["problems"]:
            summary["copy"] = of_copy(case, runs[case, OURS], copies[case])
        cases.append(summary)
    return cases


def _p99_ms(case: dict[str, Any], service: Service) -> float | None:
    """None when the case failed."""
    microseconds: float | None = case["services"][service.name].get("p99_us")
    return None if microseconds is None else microseconds / 1000


def _of_single(case: dict[str, Any]) -> list[Target]:
    title, clients = case["title"], case["clients"]
    targets = []
    if clients >= MANY_CLIENTS:
        name = f"{title}: times the throughput of the Go service"
        targets.append(at_least(name, case["times_peer"], TIMES_PEER, "×"))
        share = case["share_of_bare"] and case["share_of_bare"] * 100
        targets.append(at_least(f"{title}: share of our HTTP server alone", share, SHARE_OF_BARE * 100, "%"))
    ours, peer = (_p99_ms(case, service) for service in (OURS, PEER))
    if clients == 1 and peer is not None:
        targets.append(at_most(f"{title}: p99, no worse than the Go service", ours, peer, "ms"))
    if clients == MOST_CLIENTS:
        targets.append(at_most(f"{title}: p99", ours, P99_LIMIT_MS, "ms"))
    return targets


def evaluate(cases: list[dict[str, Any]], connections: int) -> list[Target]:
    """`cases` as in service.json."""
    targets: list[Target] = []
    for case in cases:
        if case["case"] == "post":
            targets += _of_single(case)
        if case["case"] == "batch":
            share = case["copy"]["ours_of_it"] * 100 if "copy" in case else None
            limit = SHARE_OF_COPY[case["events_per_request"]] * 100
            targets.append(at_least(f"{case['title']}: share of COPY by psql", share, limit, "%"))
        if case["case"] == "list":
            name = f"{case['title']}: times the throughput of the Go service"
            targets.append(at_least(name, case["times_peer"], TIMES_PEER_LISTS, "×"))
    ours = [case["services"][service.name] for case in cases for service in (OURS, DEFAULTS)]
    runs = [run for figures in ours for run in figures["rounds"]]
    peak = max(run["rss_peak_mib"] for run in runs)
    targets.append(at_most("memory of the service (RSS) in any run", peak, RSS_LIMIT_MIB, "MiB"))
    backends = max(run["backends_peak"] for run in runs)
    targets.append(at_most("backends seen in any run", backends, connections, "backends"))
    return targets


def evaluate_soak(soak: dict[str, Any]) -> list[Target]:
    first, last = soak["rss_first_mib"], soak["rss_last_mib"]
    name = f"memory of the service at the end of {soak['minutes']:g} minutes of full load, against their beginning"
    return [
        at_most(name, last, first * SOAK_GROWTH, "MiB"),
        at_most(f"most memory in {soak['minutes']:g} minutes of full load", soak["rss_peak_mib"], RSS_LIMIT_MIB, "MiB"),
    ]
