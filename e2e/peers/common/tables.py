"""Figures as rows of text, for the terminal and for docs/performance.md."""

from __future__ import annotations

from typing import Any


def number(value: float | None, unit: str = "") -> str:
    if value is None:
        return "never"
    if unit == "s":
        return f"{value:.2f}"
    if value >= 1e6:
        return f"{value / 1e6:.2f}M"
    if value >= 1e4:
        return f"{value / 1e3:.0f}k"
    if value >= 1e3:
        return f"{value / 1e3:.2f}k"
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"


def microseconds(value: float | None) -> str:
    if value is None:
        return "never"
    for size, unit in ((1e6, "s"), (1e3, "ms"), (1, "µs")):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value * 1e3:.0f} ns"


def target_rows(targets: list[dict[str, Any]]) -> list[list[str]]:
    rows = [["target", "value", "limit", "unit", "met", "reached"]]
    for target in targets:
        rows.append(
            [
                target["name"],
                number(target["value"], target["unit"]),
                number(target["limit"], target["unit"]),
                target["unit"],
                "yes" if target["met"] else "no",
                "" if target["ratio"] is None else f"{target['ratio']:.2f}×",
            ]
        )
    return rows


def as_text(rows: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def as_markdown(rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])
