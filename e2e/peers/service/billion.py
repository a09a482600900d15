"""What a billion events take, from the bytes for an event that a run of the audit has measured (audit.py); pure."""

from __future__ import annotations

from typing import Any

import tables

RETENTION = 2555  # days, the default
MONTHS = 84
EVENTS = 1e9
PAGE = 8192  # bytes
ENTRIES, BLOCKS = 256, 32  # of a step of the full audit
AUDIT = 7 * 24 * 3600  # seconds for it
RESTORE = 200e6  # bytes a second
LEAST = 1.0  # bytes for an event: an index with less has few of them
PREFIX = "audit_events_"
KEY = "pkey"


def size(of_an_event: float) -> str:
    return f"{of_an_event:,.0f}" if of_an_event >= 10 else f"{of_an_event:.1f}"


def gigabytes(of_an_event: float) -> str:
    """Of a billion events."""
    return f"{of_an_event / 1000:.1f} TB" if of_an_event >= 500 else f"{size(of_an_event)} GB"


def name_of(index: str) -> str:
    name = index.removeprefix(PREFIX).removeprefix("by_")
    return "id" if name == KEY else name


def section(figures: dict[str, Any]) -> str:
    sizes: dict[str, float] = figures["bytes_per_event"]
    indexes = {name: value for name, value in sizes.items() if name.startswith(PREFIX)}
    entries = {name: value for name, value in indexes.items() if value >= LEAST}
    listed = ", ".join(f"{name_of(name)} {size(value)}" for name, value in sorted(entries.items(), key=lambda item: -item[1]))
    of_indexes, tree = sum(indexes.values()), sizes["audit_nodes"] + sizes["audit_seals"]
    event = sizes["rows"] + of_indexes
    on_disk = sum(value for name, value in sizes.items() if name != "write-ahead log")
    named = [
        ("the event's row", sizes["rows"]),
        (f"its indexes: {listed}", of_indexes),
        ("what proves it (`audit_batches`, [longer than the event](evidence.md#what-is-pruned))", sizes["audit_batches"]),
        ("the log's tree (`audit_nodes`, `audit_seals`)", tree),
    ]
    rows = [["", "of an event", "of a billion"], *([what, size(bytes_), gigabytes(bytes_)] for what, bytes_ in named)]
    rows.append(["**on disk**", f"**{size(on_disk)}**", f"**{gigabytes(on_disk)}**"])
    rows.append(["write-ahead log, once", size(sizes["write-ahead log"]), gigabytes(sizes["write-ahead log"])])
    steps = EVENTS / ENTRIES, EVENTS * sizes["rows"] / PAGE / BLOCKS
    months = [
        ["of a billion", ""],
        [f"events of each of {MONTHS} months, which are {RETENTION:,} days", f"{EVENTS / MONTHS / 1e6:.0f} million"],
        ["a month's rows with their indexes", f"{event / MONTHS:.1f} GB"],
        ["its indexes alone", f"{of_indexes / MONTHS:.1f} GB"],
        ["entries of an index in a page", f"{PAGE / max(entries.values()):.0f} to {PAGE / min(entries.values()):.0f}"],
        [f"steps of the full audit, of {ENTRIES} entries", f"{steps[0] / 1e6:.1f} million"],
        [f"and of {BLOCKS} blocks", f"{steps[1] / 1e6:.1f} million"],
        ["both in a second of its seven days", f"{sum(steps) / AUDIT:.1f}"],
        ["a step, in the quarter of them that it takes at most", f"{AUDIT / 4 / sum(steps) * 1000:.0f} ms"],
        [f"a restore at {RESTORE / 1e6:.0f} MB/s", f"{on_disk * EVENTS / RESTORE / 3600:.1f} hours"],
    ]
    return (
        f"Measured by `make bench-service AUDIT={figures['events']}` on {figures['date'][:10]}: {figures['events']:,} events "
        f"stored through the service in\nbatches of 500, PostgreSQL {figures['postgresql']}, all in one month. In bytes for an event:\n\n"
        f"{tables.as_markdown(rows)}\n\n{tables.as_markdown(months)}"
    )
