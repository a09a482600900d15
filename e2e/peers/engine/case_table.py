"""The cases of engine.json as rows of text, for the terminal and for docs/performance.md."""

from __future__ import annotations

from typing import Any

from tables import number


def cell(case: dict[str, Any], pool: str) -> str:
    if pool not in case["pools"]:
        return ""
    figures = case["pools"][pool]
    text = number(figures["value"], case["unit"])
    if pool == "ours":
        return text
    ratio = figures["ours_is_better_by"]
    return text if ratio is None else f"{text} ({ratio:.2f}×)"


def pools_of(cases: list[dict[str, Any]]) -> list[str]:
    """In the order of their first case."""
    return list(dict.fromkeys(pool for case in cases for pool in case["pools"]))


def case_rows(cases: list[dict[str, Any]]) -> list[list[str]]:
    """Header and one row per case; in parentheses how many times better ours is."""
    pools = pools_of(cases)
    rows = [["case", "unit", *pools]]
    rows += [[case["title"], case["unit"], *(cell(case, pool) for pool in pools)] for case in cases]
    return rows
