"""Our service while PostgreSQL is away, beside with it there, and the replay of what it journalled."""

from __future__ import annotations

import json
import secrets
import statistics
import time
from collections.abc import Callable
from typing import Any

from cases import Case
from processes import Failure, Process, run
from runner import PATIENCE, Figures, Runner, load_command, problems_of
from running import Running
from services import OURS
from target import Target, at_least, at_most

CLIENTS = (1, 16, 64, 150)
FIGURES = ("requests_per_second", "p50_us", "p99_us", "cpu_us_per_request")

OUTAGE_SECONDS = 2.0  # until it is known that PostgreSQL is away

FILL = Case("fill", "post", 150)
LIVE = Case("live", "post", 16)
LIVE_RATE = 2000  # requests per second
LIVE_SECONDS = 5.0  # of one measurement
FILL_PATIENCE = 600.0  # seconds
DRAIN_PATIENCE = 1800  # seconds
BYTES_PER_EVENT = 1500  # in the journal, at most
MINUTES_PER_MILLION = 5.0  # "minutes"
TIMES_P99 = 2.0

Say = Callable[[str], None]


def loaded(running: Running, case: Case, seconds: float, kept: str, **options: int) -> Figures:
    """Figures of a load that was answered as it must be."""
    before = running.cpu_seconds()
    command = load_command(running.port, case, seconds, secrets.token_hex(4), kept=kept, **options)
    figures: Figures = json.loads(run(command, timeout=seconds + PATIENCE))
    figures["cpu_us_per_request"] = (running.cpu_seconds() - before) / max(1, figures["answered"]) * 1e6
    figures["requests_per_second"] = figures["requests"] / figures["seconds"]
    expected = {} if kept == "stored" else {"queued": 0}
    if problems := problems_of({**figures, **expected}):
        raise Failure(f"{case.title}, {case.clients} clients, to be {kept}: {'; '.join(problems)}")
    return figures


def comes(holds: Callable[[], bool], patience: float) -> bool:
    """Whether it holds before so many seconds are over."""
    give_up = time.monotonic() + patience
    while not (held := holds()) and time.monotonic() <= give_up:
        time.sleep(0.2)
    return held


def wait_for_rows(runner: Runner, expected: int, patience: float) -> None:
    """Until so many rows are stored; more of them, or fewer after the patience, is a failure."""
    rows = 0

    def there() -> bool:
        nonlocal rows
        rows = runner.rows()
        return rows >= expected

    comes(there, patience)
    if rows != expected:
        raise Failure(f"{rows} rows are stored of {expected} acknowledged events")


def measure(runner: Runner, clients: int, away: bool) -> Figures:
    """One run of single POSTs. What was journalled is stored afterwards, each event once."""
    case, kept = Case("POST one event", "post", clients), "journalled" if away else "stored"
    with runner.running(OURS) as running:
        runner.empty()
        runner.server.sql("CHECKPOINT", timeout=300)
        if away:
            runner.server.stop()
        try:
            warm_up = loaded(running, case, max(runner.warm_up, OUTAGE_SECONDS), kept)
            figures = loaded(running, case, runner.seconds, kept)
        finally:
            if away:
                runner.server.start()
        wait_for_rows(runner, warm_up["answered"] + figures["answered"], patience=120)
    return figures


def compare_places(runner: Runner, rounds: int, say: Say) -> list[dict[str, Any]]:
    """Stored and journalled in turn; medians of the rounds."""
    runs: dict[tuple[int, bool], list[Figures]] = {}
    for number in range(1, rounds + 1):
        for clients in CLIENTS:
            for away in (False, True):
                figures = measure(runner, clients, away)
                runs.setdefault((clients, away), []).append(figures)
                where = "journalled" if away else "stored"
                rate = figures["requests_per_second"]
                say(f"round {number}/{rounds}  POST one event, {clients:3} clients, {where:10}  {rate:.0f} requests/s")

    def medians(each: list[Figures]) -> Figures:
        return {name: statistics.median(figures[name] for figures in each) for name in FIGURES}

    return [
        {"clients": clients, "stored": medians(runs[clients, False]), "journalled": medians(runs[clients, True])}
        for clients in CLIENTS
    ]


class Live:
    """Measurements of a moderate load one after the other, each with the same rate."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.answered = 0
        self.journalled = 0

    def measure(self) -> Figures:
        figures = loaded(self.running, LIVE, LIVE_SECONDS, "either", rate=LIVE_RATE)
        self.answered += figures["answered"]
        self.journalled += figures["queued"]
        return figures


def replay(runner: Runner, events: int, say: Say) -> dict[str, Any]:
    """A journal of so many events, drained while clients go on."""
    bound = 64 * 2**20 + BYTES_PER_EVENT * events
    with runner.running(OURS, f"--journal-max-bytes={bound}") as running:
        runner.empty()
        live = Live(running)
        live.measure()  # warms up
        alone = [live.measure() for _ in range(3)]
        runner.server.stop()
        say(f"filling the journal with {events} events")
        filled = loaded(running, FILL, FILL_PATIENCE, "journalled", requests=events)
        runner.server.start()
        started = time.monotonic()
        beside = []
        while (rows := runner.rows()) < events + live.answered:
            if time.monotonic() - started > DRAIN_PATIENCE:
                raise Failure(f"{rows} of {events + live.answered} events are stored after {DRAIN_PATIENCE} s")
            beside.append(live.measure())
            say(f"{time.monotonic() - started:6.1f} s  {rows} rows, live p99 {beside[-1]['p99_us'] / 1000:.2f} ms")
        drained = time.monotonic() - started
        wait_for_rows(runner, events + live.answered, patience=10)
    during = beside[:-1] or beside  # the journal ran empty in the last one
    return {
        "events": events,
        "fill_events_per_second": filled["requests_per_second"],
        "live": {"clients": LIVE.clients, "requests_per_second": LIVE_RATE, "journalled": live.journalled},
        "drain_seconds": drained,
        "replayed_per_second": events / drained,
        "alone": {name: statistics.median(each[name] for each in alone) for name in ("p50_us", "p99_us", "max_us")},
        "beside": {name: statistics.median(each[name] for each in during) for name in ("p50_us", "p99_us", "max_us")},
        "rounds": {"alone": alone, "beside": beside},
    }


def evaluate_places(cases: list[dict[str, Any]]) -> list[Target]:
    return [
        at_least(
            f"POST one event, {case['clients']} clients: journalled, against stored",
            case["journalled"]["requests_per_second"],
            case["stored"]["requests_per_second"],
            "requests/s",
        )
        for case in cases
    ]


def evaluate_replay(figures: dict[str, Any]) -> list[Target]:
    minutes = figures["drain_seconds"] / 60 * 1e6 / figures["events"]
    beside, alone = figures["beside"]["p99_us"] / 1000, figures["alone"]["p99_us"] / 1000
    return [
        at_most("replay of a million journalled events beside live requests", minutes, MINUTES_PER_MILLION, "minutes"),
        at_most("p99 of live requests beside the replay, against twice without", beside, TIMES_P99 * alone, "ms"),
    ]
