"""Figures of service.json as rows of text, for the terminal and for docs/performance.md."""

from __future__ import annotations

from typing import Any

from figures import REFERENCE, ratio
from services import BARE, OURS, SERVICES, Service
from tables import microseconds, number

FAILED = "FAILED"


ABOUT_CASES = (
    "CPU: of the service for one request, with PgBouncer where there is one; PG CPU: of PostgreSQL; client CPU: of the load "
    "generator; rounds: the least and the most of the requests per second; of bare: how much it is of what our HTTP server "
    "answers that stores nothing; ours: how many times the requests of the Go service ours answers."
)


def case_row(case: dict[str, Any], service: Service) -> list[str]:
    figures = case["services"][service.name]
    events = figures.get("events_per_second")
    bare = case["services"].get(BARE.name)
    share = None if service is BARE else ratio(figures, bare)
    times = case["times_peer"] if service is OURS else None
    return [
        number(figures["requests_per_second"]),
        " – ".join(number(rate) for rate in dict.fromkeys(figures["spread"])),
        "" if events is None else number(events),
        *(microseconds(figures[name]) for name in ("p50_us", "p95_us", "p99_us")),
        *(microseconds(figures[f"{name}cpu_us_per_request"]) for name in ("", "postgresql_", "load_")),
        f"{figures['rss_peak_mib']:.0f} MiB",
        f"{figures['backends_peak']:.0f}",
        "" if share is None else f"{share:.0%}",
        "" if times is None else f"{times:.2f}×",
    ]


def case_rows(cases: list[dict[str, Any]]) -> list[list[str]]:
    """One row for each case and service."""
    head = ["case", "service", "requests/s", "rounds", "events/s", "p50", "p95", "p99", "CPU", "PG CPU", "client CPU", "RSS"]
    head += ["backends", "of bare", "ours"]
    rows = [head]
    for case in cases:
        measured = [service for service in SERVICES if service.name in case["services"]]
        for service in measured:
            row = [case["title"] if service is measured[0] else "", service.name]
            failed = case["services"][service.name]["problems"]
            rows.append([*row, *([FAILED, *[""] * (len(head) - 3)] if failed else case_row(case, service))])
    return rows


def copy_rows(cases: list[dict[str, Any]]) -> list[list[str]]:
    rows = [["the same rows by COPY through psql", "COPY, rows/s", "ours, events/s", "ours of it"]]
    for case in cases:
        if "copy" in case:
            copy, events = case["copy"], case["services"]["ours"]["events_per_second"]
            share = f"{copy['ours_of_it']:.0%}"
            rows.append([case["title"], number(copy["rows_per_second"]), number(events), share])
    return rows


def reference_rows(cases: list[dict[str, Any]]) -> list[list[str]]:
    """The reference's figures beside ours, lowest to highest over the cases."""

    def ours(kind: str, name: str) -> str:
        values = [case["services"]["ours"].get(name) for case in cases if case["case"] == kind]
        known = [value for value in values if value is not None]
        if not known or len(known) < len(values):
            return FAILED
        return number(known[0]) if len(known) == 1 else f"{number(min(known))} – {number(max(known))}"

    def reference(name: str) -> str:
        low, high = REFERENCE[name]
        return f"{number(low)} – {number(high)}"

    most = next((case for case in cases if case["case"] == "post" and case["clients"] == 500), None)
    p99 = most["services"]["ours"].get("p99_us") if most else None
    p99_text = FAILED if p99 is None else microseconds(p99)
    return [
        ["", "reference DataStorage", "ours"],
        ["single POSTs/s", reference("single_posts_per_second"), ours("post", "requests_per_second")],
        ["events/s in batches", reference("batch_events_per_second"), ours("batch", "events_per_second")],
        ["lists/s", reference("lists_per_second"), ours("list", "requests_per_second")],
        ["p99 at 500 clients", f"about {REFERENCE['p99_seconds_at_500_clients']} s", p99_text],
    ]


def problems(cases: list[dict[str, Any]]) -> list[str]:
    return [
        f"{FAILED}: {case['title']}, {name}: {problem}"
        for case in cases
        for name, figures in case["services"].items()
        for problem in dict.fromkeys(figures["problems"])
    ]


def soak_line(soak: dict[str, Any]) -> str:
    return (
        f"{soak['minutes']:g} minutes with {soak['clients']} clients, {number(soak['requests_per_second'])} events/s: "
        f"RSS {soak['rss_first_mib']:.1f} MiB at the beginning, {soak['rss_last_mib']:.1f} MiB at the end, "
        f"{soak['rss_peak_mib']:.1f} MiB at most."
    )


def outage_rows(cases: list[dict[str, Any]]) -> list[list[str]]:
    """Single POSTs with PostgreSQL there and away."""
    rows = [["single POSTs", "PostgreSQL", "requests/s", "p50", "p99", "CPU", "journalled, of stored"]]
    for case in cases:
        times = case["journalled"]["requests_per_second"] / case["stored"]["requests_per_second"]
        for place, name, shown in (("stored", "there (201)", ""), ("journalled", "away (202)", f"{times:.2f}×")):
            figures = case[place]
            latencies = (microseconds(figures[figure]) for figure in ("p50_us", "p99_us", "cpu_us_per_request"))
            title = f"{case['clients']} client{'s' if case['clients'] > 1 else ''}" if place == "stored" else ""
            rows.append([title, name, number(figures["requests_per_second"]), *latencies, shown])
    return rows


def history_rows(figures: dict[str, Any]) -> list[list[str]]:
    head = f"lists over {number(figures['rows'])} events in {figures['months']} months"
    rows = [[head, "PostgreSQL's time", "statements", "p50 of the answer", f"{figures['at_once']} at once"]]
    for case in figures["cases"]:
        statuses = ", ".join(f"{count} × {status}" for status, count in sorted(case["at_once"].items()))
        times = f"{case['postgresql_ms']:.2f} ms", f"{case['statements']:.1f}", f"{case['p50_ms']:.2f} ms"
        rows.append([case["title"], *times, statuses])
    return rows


def replay_line(figures: dict[str, Any]) -> str:
    live = figures["live"]
    return (
        f"A journal of {number(figures['events'])} events, filled at {number(figures['fill_events_per_second'])} events/s, "
        f"was replayed in {figures['drain_seconds'] / 60:.1f} minutes ({number(figures['replayed_per_second'])} events/s) "
        f"while {live['clients']} clients sent {number(live['requests_per_second'])} single POSTs a second: p50 "
        f"{microseconds(figures['beside']['p50_us'])} and p99 {microseconds(figures['beside']['p99_us'])}, without replay "
        f"{microseconds(figures['alone']['p50_us'])} and {microseconds(figures['alone']['p99_us'])}. {live['journalled']} "
        "of them went to the journal. Every event was stored once."
    )


def audit_line(figures: dict[str, Any]) -> str:
    live, times, rest = figures["live"], figures["times"], figures["rest"]

    def shown(name: str) -> str:
        return f"p50 {microseconds(times[name]['p50_us'])} and p99 {microseconds(times[name]['p99_us'])}"

    return (
        f"The full audit of {number(figures['events'])} events, while {live['clients']} clients sent "
        f"{number(live['requests_per_second'])} single POSTs a second: {shown('beside')} beside it at its pace of "
        f"{number(figures['entries_per_second'])} entries/s, {shown('alone')} in turn without it. When its week was over it "
        f"took {rest['seconds'] / 60:.1f} minutes for {number(rest['entries'])} entries and the heap, "
        f"with {shown('late')}. It found every event as it was stored."
    )


def size_rows(figures: dict[str, Any]) -> list[list[str]]:
    sizes = figures["bytes_per_event"]
    stored = sum(size for name, size in sizes.items() if name != "write-ahead log")
    rows = [[f"of {number(figures['events'])} events, stored in batches of 500", "bytes for an event"]]
    rows += [[name, f"{size:.1f}"] for name, size in sizes.items()]
    return [*rows, ["on disk", f"{stored:.1f}"]]
