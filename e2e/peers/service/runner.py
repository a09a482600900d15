"""One run of a case: the tables made ready, the load put on, and everything watched from outside."""

from __future__ import annotations

import json
import secrets
import time
from pathlib import Path
from typing import Any

from cases import CORRELATIONS, EVENTS_PER_CORRELATION, FILL_BATCH, FILL_PREFIX, Case
from processes import Failure, Process, run
from server import DATABASE, USER, Server
from running import Running, cpu_seconds_of_group
from services import BARE, LOAD_PROGRAM, OURS, PEER, Service

Figures = dict[str, Any]

PATIENCE = 90  # seconds over its time for the load generator, which waits 30 s for the last answers
SAMPLE_SECONDS = 0.1
TABLES = ("audit_events", "audit_event_ids", "audit_batches")


def load_command(port: int, case: Case, seconds: float, prefix: str, **options: int | str) -> list[str | Path]:
    flags = {"port": port, "case": case.kind, "clients": case.clients, "events": case.events, "seconds": seconds}
    flags |= {"prefix": prefix, **options}
    return [LOAD_PROGRAM, *(f"--{name}={value}" for name, value in flags.items())]


def problems_of(figures: Figures) -> list[str]:
    """What the generator met that must not be, as a person should read it."""
    counts = [f"{count} answers {status}" for status, count in figures["unexpected"].items()]
    counts += [f"{figures[name]} {name}" for name in ("queued", "broken", "unanswered") if figures[name]]
    if figures["requests"] == 0 and not counts:
        counts.append("no request was answered")
    return [*counts, figures["first_problem"]] if counts else []


class Runner:
    def __init__(self, server: Server, connections: int, seconds: float, warm_up: float) -> None:
        self.server = server
        self.connections = connections
        self.seconds = seconds
        self.warm_up = warm_up
        self.stored = server.root / "stored.copy"
        self.filled = server.root / "filled.copy"

    def prepare(self) -> None:
        """Has our service make the schema, and the peer the events that the list case reads."""
        with self.running(OURS):
            pass
        fill = Case("fill", "batch", 4, events=FILL_BATCH)
        requests = CORRELATIONS * EVENTS_PER_CORRELATION // FILL_BATCH
        with self.running(PEER) as running:
            options = {"requests": requests, "correlations": CORRELATIONS}
            command = load_command(running.port, fill, 60, FILL_PREFIX, **options)
            figures = json.loads(run(command, timeout=60 + PATIENCE))
        if problems := problems_of(figures):
            raise Failure(f"{PEER.title} does not take the events to be listed: {'; '.join(problems)}")
        if (rows := self.rows()) != requests * FILL_BATCH:
            raise Failure(f"{PEER.title} stored {rows} of {requests * FILL_BATCH} events to be listed")
        self._export(self.filled)

    def running(self, service: Service, *flags: str) -> Running:
        return Running(service, self.server, self.connections, flags)

    def sql(self, *commands: str) -> str:
        return self.server.sql(*commands, database=DATABASE)

    def rows(self) -> int:
        return int(self.sql("SELECT count(*) FROM audit_events"))

    def empty(self) -> None:
        names = ", ".join(f"'{name}'" for name in TABLES)
        there = self.sql(
            "SELECT string_agg(quote_ident(relname), ', ') FROM pg_class "
            f"WHERE relnamespace = 'public'::regnamespace AND relname IN ({names})"
        )
        self.sql("SET storagepool.maintenance = 'on'", f"TRUNCATE {there.strip()}")

    def _export(self, file: Path) -> None:
        self.sql(f"COPY (SELECT * FROM audit_events) TO '{file}'")

    def _make_ready(self, case: Case) -> None:
        """Every run finds the same table, and no checkpoint is due because of the run before."""
        self.empty()
        if case.reads:
            self.sql(f"COPY audit_events FROM '{self.filled}'")
            self.sql("ANALYZE audit_events")
        self.server.sql("CHECKPOINT", timeout=300)

    def measure(self, service: Service, case: Case) -> Figures:
        """Figures of one run. Those of a run that had problems say so in `problems`; the rest of them is worthless."""
        prefix = FILL_PREFIX if case.reads else secrets.token_hex(4)
        options = {"correlations": CORRELATIONS} if case.reads else {}
        with self.running(service) as running:

            def load(seconds: float) -> list[str | Path]:
                return [*load_command(running.port, case, seconds, prefix, **options), *running.load_flags]

            run(load(self.warm_up), timeout=self.warm_up + PATIENCE)
            self._make_ready(case)
            figures = self._watched(running, load(self.seconds))
        figures["problems"] = problems_of(figures)
        if not case.reads and service is not BARE and not figures["problems"]:
            acknowledged, rows = figures["answered"] * case.events, self.rows()
            if rows != acknowledged:
                figures["problems"] = [f"{rows} rows are stored of {acknowledged} acknowledged events"]
        figures["requests_per_second"] = figures["requests"] / figures["seconds"]
        figures["events_per_second"] = None if case.reads else figures["requests_per_second"] * case.events
        return figures

    def _watched(self, running: Running, command: list[str | Path]) -> Figures:
        server = self.server.pid
        script = running.root / "sample.sql"
        script.write_text(f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{USER}' \\watch {SAMPLE_SECONDS}\n")
        samples = running.root / "samples"
        with samples.open("wb") as output, Process([*self.server.psql(), "-f", script], output=output):
            before = running.cpu_seconds(), cpu_seconds_of_group(server)
            figures: Figures = json.loads(run(command, timeout=self.seconds + PATIENCE))
            after = running.cpu_seconds(), cpu_seconds_of_group(server)
        counts = [int(line) for line in samples.read_text().splitlines()[:-1] if line.strip().isdigit()]
        if len(counts) < self.seconds / SAMPLE_SECONDS / 4:
            raise Failure(f"the backends were sampled only {len(counts)} times in {self.seconds:.1f} s")
        requests = max(1, figures["answered"] + figures["queued"] + sum(figures["unexpected"].values()))
        figures["cpu_us_per_request"] = (after[0] - before[0]) / requests * 1e6
        figures["postgresql_cpu_us_per_request"] = (after[1] - before[1]) / requests * 1e6
        figures["load_cpu_us_per_request"] = figures["load_cpu_seconds"] / requests * 1e6
        figures["rss_peak_mib"] = running.memory_mib("VmHWM")
        figures["backends_peak"] = max(counts)
        return figures

    def copy(self) -> Figures:
        """The rows that are stored now, once more by COPY through psql into the same, emptied tables."""
        self._export(self.stored)
        rows = self.rows()
        self.empty()
        self.server.sql("CHECKPOINT", timeout=300)
        started = time.monotonic()
        self.sql(f"\\copy audit_events FROM '{self.stored}'")
        seconds = time.monotonic() - started
        if (again := self.rows()) != rows:
            raise Failure(f"COPY stored {again} of {rows} rows")
        self.stored.unlink()
        return {"rows": rows, "seconds": seconds, "rows_per_second": rows / seconds}
