"""Tests of what the runs come to, and of what the report says of them."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
import tempfile
import unittest
from pathlib import Path
from types import ModuleType
from typing import Any

sys.dont_write_bytecode = True  # before the modules beside this are read: nothing is left among the sources
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "common"))

import billion
from cases import CASES, UNITS
from figures import evaluate, summarize
from page import replace_section
from services import BARE, DEFAULTS, OURS, PEER, SERVICES, Service


def program(name: str) -> ModuleType:
    loader = importlib.machinery.SourceFileLoader(f"{name}_program", str(HERE / name))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


BENCH, REPORT = program("bench"), program("report")
RATES = {OURS: 9000.0, DEFAULTS: 8000.0, BARE: 30_000.0, PEER: 1500.0}


def run(service: Service, round_: int = 2, **figures: Any) -> dict[str, Any]:
    values = {name: 1000.0 for name in UNITS} | {"events_per_second": None, "load_cpu_us_per_request": 12.0}
    rate = RATES.get(service, 1000.0) * (0.9 + round_ / 20)
    return {**values, "requests_per_second": rate, "rss_peak_mib": 20, "backends_peak": 5, "problems": [], **figures}


def measured() -> dict[Any, list[dict[str, Any]]]:
    return {(case, service): [run(service, round_) for round_ in (1, 2, 3)] for case in CASES for service in BENCH.services_of(case, 1)}


def cells(rows: list[list[str]], title: str, service: str) -> dict[str, str]:
    found = ""
    for row in rows[1:]:
        found = row[0] or found
        if (found, row[1]) == (title, service):
            return dict(zip(rows[0], row))
    raise AssertionError(f"no row of {service} in {title}")


POST, LIST = "POST one event, 64 clients", "GET by correlation id (20 events), 16 clients"


class BenchTest(unittest.TestCase):
    def test_the_order_turns_with_each_round(self) -> None:
        first, second = (BENCH.services_of(CASES[0], number) for number in (1, 2))
        self.assertEqual(first, list(SERVICES))
        self.assertEqual(second, first[::-1])

    def test_who_stores_nothing_is_asked_for_no_list(self) -> None:
        of_list = BENCH.services_of(next(case for case in CASES if case.reads), 1)
        self.assertEqual(of_list, [service for service in SERVICES if service is not BARE])


class ReportTest(unittest.TestCase):
    def test_a_row_has_the_median_the_spread_and_what_it_is_compared_with(self) -> None:
        ours = cells(REPORT.rows.case_rows(summarize(measured(), {})), POST, "ours")
        self.assertEqual(ours["requests/s"], "9.00k")
        self.assertEqual(ours["rounds"], "8.55k – 9.45k")
        self.assertEqual((ours["of bare"], ours["ours"], ours["client CPU"]), ("30%", "6.00×", "12 µs"))

    def test_the_limit_is_not_compared_with_itself_and_not_with_lists(self) -> None:
        rows = REPORT.rows.case_rows(summarize(measured(), {}))
        self.assertEqual(cells(rows, POST, "bare")["of bare"], "")
        self.assertEqual(cells(rows, LIST, "ours")["of bare"], "")
        self.assertEqual(cells(rows, POST, "ours, defaults")["of bare"], "27%")

    def test_a_service_that_failed_once_has_no_figures_and_nobody_is_compared_with_it(self) -> None:
        runs = measured()
        case = next(case for case in CASES if case.title == POST)
        runs[case, BARE][1]["problems"] = ["7 answers 500"]
        summary = summarize(runs, {})
        rows = REPORT.rows.case_rows(summary)
        self.assertEqual(cells(rows, POST, "bare")["requests/s"], "FAILED")
        self.assertEqual(cells(rows, POST, "ours")["of bare"], "")
        self.assertEqual(REPORT.rows.problems(summary), [f"FAILED: {POST}, bare: 7 answers 500"])
        share = next(target for target in evaluate(summary, 25) if target.name == f"{POST}: share of our HTTP server alone")
        self.assertFalse(share.met)

    def test_targets_take_the_defaults_too_where_they_must_hold_for_everybody(self) -> None:
        runs = measured()
        runs[CASES[0], DEFAULTS][0]["backends_peak"] = 26
        targets = {target.name: target for target in evaluate(summarize(runs, {}), 25)}
        self.assertFalse(targets["backends seen in any run"].met)
        self.assertTrue(targets[f"{POST}: times the throughput of the Go service"].met)
        self.assertFalse(targets[f"{POST}: share of our HTTP server alone"].met)

    def test_the_section_of_the_page_is_replaced_and_says_who_is_who(self) -> None:
        summary = summarize(measured(), {})
        figures = {
            "date": "2026-11-30T00:00:00+00:00",
            "quick": False,
            "rounds": 3,
            "seconds_per_run": 5.0,
            "connections": 25,
            "postgresql": "15.18",
            "machine": {"cores": 2, "cpu": "a CPU", "memory_gib": 8, "kernel": "6"},
            "cases": summary,
            "targets": [target.as_json() for target in evaluate(summary, 25)],
        }
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder) / "page.md"
            page.write_text(f"before\n{REPORT.BEGIN}\nold\n{REPORT.END}\nafter\n")
            text = REPORT.section(figures, None, None, None, None, None)
            self.assertTrue(replace_section(page, REPORT.BEGIN, REPORT.END, text))
            self.assertFalse(replace_section(page, REPORT.BEGIN, REPORT.END, text))
            written = page.read_text()
        for service in SERVICES:
            self.assertIn(f"\n- {service.name}: ", written)
        self.assertNotIn("old", written)
        self.assertTrue(all(len(line) <= 120 for line in written.splitlines() if not line.startswith("|")))


class BillionTest(unittest.TestCase):
    def test_what_a_billion_events_take_is_told_from_the_bytes_of_one(self) -> None:
        indexes = {"audit_events_by_type": 90.0, "audit_events_pkey": 52.0, "audit_events_by_outcome": 0.04}
        of_log = {"audit_batches": 71.0, "audit_nodes": 0.4, "audit_seals": 0.2, "audit_event_ids": 0.01, "write-ahead log": 1100.0}
        run_ = {"events": 200_000, "date": "2026-12-01T00:00:00+00:00", "postgresql": "15.18"}
        text = billion.section({**run_, "bytes_per_event": {"rows": 315.0, **indexes, **of_log}})
        for line in (
            "| the event's row | 315 | 315 GB |",
            "| its indexes: type 90, id 52 | 142 | 142 GB |",
            "| the log's tree (`audit_nodes`, `audit_seals`) | 0.6 | 0.6 GB |",
            "| **on disk** | **529** | **0.5 TB** |",
            "| write-ahead log, once | 1,100 | 1.1 TB |",
            "| events of each of 84 months, which are 2,555 days | 12 million |",
            "| a month's rows with their indexes | 5.4 GB |",
            "| entries of an index in a page | 91 to 158 |",
            "| both in a second of its seven days | 8.4 |",
            "| a step, in the quarter of them that it takes at most | 30 ms |",
        ):
            self.assertIn(f"\n{line}", text)


if __name__ == "__main__":
    unittest.main()
