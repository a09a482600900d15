"""The full audit of many events beside live requests: at its own pace, and as fast as it ever goes."""

from __future__ import annotations

import base64
import hmac
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

from cases import Case
from outage import LIVE, LIVE_RATE, Live, comes, wait_for_rows
from processes import Failure, run
from runner import PATIENCE, Figures, Runner, load_command, problems_of
from running import LOG_KEY
from server import DATABASE
from services import OURS
from target import Target, at_most

FILL = Case("fill", "batch", 4, events=500)
FILL_PATIENCE = 3600.0  # seconds
SEAL_PATIENCE = 300.0
PASS_PATIENCE = 7200.0
TURNS = 3  # alone and beside the audit at its own pace
EACH = 6  # measurements: those alone take less than a pod waits before it goes on with another's pass
TAKE_OVER = 95.0  # seconds: as long as it waits, and half of it more (pool/evidence/auditing/pace.h)
INTERVAL = 7 * 24 * 3600  # seconds
TIMES_P99 = 1.05

Say = Callable[[str], None]

# Bytes of what the events take, with their TOAST, free space and visibility maps.
SIZES = """
SELECT 'rows', sum(pg_table_size(relid)) FROM pg_partition_tree('audit_events') WHERE isleaf
UNION ALL
SELECT index.relname, sum(pg_relation_size(leaf.relid)) FROM pg_index
JOIN pg_class AS index ON index.oid = indexrelid, pg_partition_tree(indexrelid) AS leaf
WHERE indrelid = 'audit_events'::regclass AND isleaf GROUP BY index.relname
UNION ALL
SELECT name, pg_total_relation_size(name::regclass)
FROM unnest(ARRAY['audit_event_ids', 'audit_batches', 'audit_nodes', 'audit_seals']) AS name
ORDER BY 2 DESC, 1"""


class Progress:
    """What the database keeps of the audit (pool/evidence/auditing/progress.cc)."""

    def __init__(self, text: str) -> None:
        self.words = text.split(" ")
        numbers = [int(word) for word in self.words[1:21]]
        self.size, self.entries = numbers[5:7]  # of the log, and those that were looked at
        self.blocks, self.blocks_read = numbers[8:10]
        self.ended = numbers[19] == 1  # one has, and another may be under way
        # By that one: events missing, altered, unlogged, or without a batch.
        self.found = sum(int(word) for word in self.words[24:28]) if self.ended else 0


def mac(text: str) -> str:
    """As the pods make it, with the log's key (pool/evidence/entry.cc)."""
    seed = base64.b64decode(LOG_KEY.rpartition("+")[2])[1:]
    extracted = hmac.digest(bytes(32), seed, "sha256")  # HKDF (RFC 5869) without a salt
    key = hmac.digest(extracted, b"mac\x01", "sha256")
    return hmac.digest(key, b"\xffstoragepool audit_progress 1\n" + f"{DATABASE}\n{text}".encode(), "sha256")[:16].hex()


def progress_of(runner: Runner) -> Progress | None:
    text, _, told = runner.sql("SELECT progress, encode(mac, 'hex') FROM audit_progress").strip().partition("|")
    if text and told != mac(text):
        raise Failure(f"the audit's progress has the MAC {told}, not {mac(text)}")
    return Progress(text) if text else None


def looked_at(runner: Runner) -> int:
    progress = progress_of(runner)
    return progress.entries + progress.blocks_read if progress else 0


def make_late(runner: Runner) -> None:
    """As if the pass had begun so long ago that its time is over: it goes as fast as it ever does."""
    text = runner.sql("SELECT progress FROM audit_progress").strip()
    words = text.split(" ")
    words[2] = str(int(words[2]) - INTERVAL * 1_000_000)
    text = " ".join(words)
    runner.sql(f"UPDATE audit_progress SET progress = '{text}', mac = '\\x{mac(text)}'")


def wait_until(what: str, holds: Callable[[], bool], patience: float) -> None:
    if not comes(holds, patience):
        raise Failure(f"{what}: not within {patience:.0f} s")


def fill(runner: Runner, events: int, say: Say) -> dict[str, float]:
    """Stored by the service as by any client, and the audit of all of them begun. Bytes for an event."""
    requests = events // FILL.events
    with runner.running(OURS) as running:
        lsn = runner.sql("SELECT pg_current_wal_insert_lsn()").strip()
        command = load_command(running.port, FILL, FILL_PATIENCE, "audited", requests=requests)
        started = time.monotonic()
        figures = json.loads(run(command, timeout=FILL_PATIENCE + PATIENCE))
        if problems := problems_of(figures):
            raise Failure(f"the events to be audited: {'; '.join(problems)}")
        wait_for_rows(runner, requests * FILL.events, patience=10)
        say(f"stored in {time.monotonic() - started:.0f} s")
        size = "SELECT coalesce(max(size), 0) FROM audit_log"
        wait_until("the seal of all", lambda: int(runner.sql(size)) >= requests * FILL.events, SEAL_PATIENCE)
    wal = int(runner.sql(f"SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '{lsn}')::bigint"))
    runner.server.sql("VACUUM (ANALYZE)", "CHECKPOINT", database=DATABASE, timeout=FILL_PATIENCE)
    runner.sql("DELETE FROM audit_progress")  # of those few that were there when it began
    with runner.running(OURS):
        wait_until("the audit begins", lambda: looked_at(runner) > 0, SEAL_PATIENCE)
    sizes = dict(line.split("|") for line in runner.sql(SIZES).splitlines())
    return {name: int(size) / requests / FILL.events for name, size in (sizes | {"write-ahead log": wal}).items()}


def median(figures: list[Figures], name: str) -> float:
    return statistics.median(each[name] for each in figures)


def take_turns(runner: Runner, say: Say) -> dict[str, Any]:
    """Alone, for a pod leaves the pass of another be for a while, and beside the audit at its pace."""
    alone: list[Figures] = []
    beside: list[Figures] = []
    rates = []
    for turn in range(1, TURNS + 1):
        with runner.running(OURS) as running:
            live = Live(running)
            live.measure()  # warms up
            before = looked_at(runner)
            alone += [live.measure() for _ in range(EACH)]
            if looked_at(runner) != before:
                raise Failure("the audit did not wait for the pod that began it")
            wait_until("the audit goes on", lambda: looked_at(runner) > before, TAKE_OVER)
            at, began = looked_at(runner), time.monotonic()
            beside += [live.measure() for _ in range(EACH)]
            rates.append((looked_at(runner) - at) / (time.monotonic() - began))
        p99 = [median(each[-EACH:], "p99_us") / 1000 for each in (alone, beside)]
        say(f"turn {turn}/{TURNS}  p99 {p99[0]:.2f} ms alone, {p99[1]:.2f} ms beside the audit, {rates[-1]:.0f} entries/s")
    return {"alone": alone, "beside": beside, "entries_per_second": statistics.median(rates)}


def hurry(runner: Runner, say: Say) -> dict[str, Any]:
    """The rest of the pass, as fast as it goes, beside live requests."""
    make_late(runner)
    late: list[Figures] = []
    with runner.running(OURS) as running:
        live = Live(running)
        live.measure()
        before = looked_at(runner)
        wait_until("the audit goes on", lambda: looked_at(runner) > before, TAKE_OVER)
        first, started = progress_of(runner), time.monotonic()
        while (progress := progress_of(runner)) and not progress.ended:
            if (seconds := time.monotonic() - started) > PASS_PATIENCE:
                raise Failure(f"after {seconds:.0f} s the audit has looked at {progress.entries} entries of {progress.size}")
            late.append(live.measure())
            if len(late) % 6 == 1:
                where = f"{progress.entries} entries, {progress.blocks_read} of {progress.blocks} blocks"
                say(f"{seconds:6.0f} s  {where}, p99 {late[-1]['p99_us'] / 1000:.2f} ms")
        seconds = time.monotonic() - started
    if not first or not progress or progress.found:
        raise Failure(f"the audit found events that are not as they were left: {progress and ' '.join(progress.words)}")
    return {"late": late, "seconds": seconds, "entries": first.size - first.entries}


def audit(runner: Runner, events: int, say: Say) -> dict[str, Any]:
    say(f"storing {events} events")
    sizes = fill(runner, events, say)
    turns, rest = take_turns(runner, say), hurry(runner, say)
    rounds = {name: figures.pop(name) for figures, names in ((turns, ("alone", "beside")), (rest, ("late",))) for name in names}
    times = {name: {figure: median(each, figure) for figure in ("p50_us", "p99_us")} for name, each in rounds.items()}
    live = {"clients": LIVE.clients, "requests_per_second": LIVE_RATE}
    return {"events": events, "bytes_per_event": sizes, "live": live, **turns, "rest": rest, "times": times, "rounds": rounds}


def evaluate_audit(figures: dict[str, Any]) -> list[Target]:
    alone, beside = (figures["times"][name]["p99_us"] for name in ("alone", "beside"))
    title = f"p99 of live requests beside the full audit of {figures['events'] / 1e6:g} M events, of that without"
    return [at_most(title, beside / alone, TIMES_P99, "×")]
