"""The figures as rows of text."""

from __future__ import annotations

from typing import Any

import tables
from figures import SCENARIOS
from operators import OPERATORS


def amount(count: float) -> str:
    for size, unit in ((1e6, "MB"), (1e3, "kB")):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count:.0f} B"


def scenario_rows(scenarios: dict[str, Any]) -> list[list[str]]:
    rows = [["scenario", "operator", "time", "reconciles/s", "CPU", "RSS", "peak RSS", "wire", "writes", "changes"]]
    for name, title in SCENARIOS.items():
        for operator in OPERATORS:
            if operator.name not in scenarios[name]:
                continue
            each = scenarios[name][operator.name]
            changes = ""
            if "slowest_change" in each:
                changes = " / ".join(tables.microseconds(each[f"{which}_change"] * 1e6) for which in ("median", "slowest"))
            rows.append(
                [
                    title,
                    operator.name,
                    f"{each['seconds']:.1f} s",
                    tables.number(each["reconciles_per_second"]),
                    f"{each['cpu_seconds']:.1f} s",
                    f"{each['rss_mib']:.0f} MiB",
                    f"{each['rss_peak_mib']:.0f} MiB",
                    amount(each["bytes"]),
                    f"{each['writes']:.0f}",
                    changes,
                ]
            )
            title = ""
    return rows


def write_rows(scenarios: dict[str, Any]) -> list[list[str]]:
    """Of the round with the most of them."""
    rows = [["scenario", "operator", "writes"]]
    for name, title in SCENARIOS.items():
        for operator in OPERATORS:
            if operator.name not in scenarios[name]:
                continue
            most = max(scenarios[name][operator.name]["rounds"], key=lambda figures: figures["writes"])
            kinds = sorted(most["writes_by"].items(), key=lambda kind: (-kind[1], kind[0]))
            rows.append([title, operator.name, ", ".join(f"{count} {what}" for what, count in kinds) or "none"])
            title = ""
    return rows
