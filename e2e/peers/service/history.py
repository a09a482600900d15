"""Lists of our service over years of stored events: what they cost PostgreSQL, and many of them at once."""

from __future__ import annotations

import http.client
import json
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from processes import Failure
from runner import Runner
from running import Running
from server import DATABASE
from services import OURS
from target import Target, at_most

MONTHS = 88  # with those that the service has made ahead
MONTHS_AHEAD = 3
EVENTS_PER_CALL = 20
WARM_UP, LISTS = 5, 40  # one after the other
AT_ONCE = 80
MAX_MILLISECONDS = 10.0
MAX_CONNECTIONS = 100  # as PostgreSQL comes; the service has all but those for superusers
CONNECTIONS = 96
LOAD_TIMEOUT = 3600.0  # seconds

Say = Callable[[str], None]

SETTINGS = {"max_connections": str(MAX_CONNECTIONS), "shared_preload_libraries": "pg_stat_statements"}

# A month is filled before it has indexes. Events of one call follow each other; one in fifty has failed.
FILL_MONTH = """
CREATE TABLE {name} (LIKE audit_events INCLUDING ALL EXCLUDING INDEXES);
ALTER TABLE {name} OWNER TO bench;
INSERT INTO {name} (event_id, event_timestamp, version, event_type, event_category, event_action, event_outcome,
  correlation_id, resource_type, resource_id, severity, actor_id, actor_type, retention_days, is_sensitive, event_data)
SELECT gen_random_uuid(), '{first}'::timestamptz + i * (('{last}'::timestamptz - '{first}'::timestamptz) / {rows}),
  '1.0', 'type ' || i % 20, 'category ' || i % 4, 'action', CASE WHEN i % 50 = 0 THEN 'failure' ELSE 'success' END,
  '{month} ' || i / {per_call}, 'resource', 'r-' || i % 1000, CASE WHEN i % 50 = 1 THEN 'warning' ELSE 'info' END,
  'service', 'service', 2555, false, ('{{"number":' || i || ',"text":"' || md5(i::text) || '"}}')::json
FROM generate_series(0, {rows} - 1) AS i;
ALTER TABLE audit_events ATTACH PARTITION {name} FOR VALUES FROM ('{first}') TO ('{end}');
VACUUM (ANALYZE) {name};
"""


def months(runner: Runner) -> list[tuple[str, str, str, str]]:
    """Of each month that has events: its name, its bounds, and where its events end, oldest first."""
    oldest = MONTHS - MONTHS_AHEAD - 1
    answer = runner.sql(
        "SELECT to_char(first, 'YYYY-MM'), to_char(first, 'YYYY-MM-DD 00:00Z'), "
        "to_char(first + interval '1 month', 'YYYY-MM-DD 00:00Z'), "
        "to_char(least(first + interval '1 month', now() AT TIME ZONE 'UTC'), 'YYYY-MM-DD HH24:MIZ') "
        f"FROM generate_series(0, {oldest}) AS age, "
        "LATERAL (SELECT date_trunc('month', now() AT TIME ZONE 'UTC') - age * interval '1 month') AS month(first) "
        "ORDER BY first"
    )
    rows = [tuple(line.split("|")) for line in answer.splitlines()]
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def fill(runner: Runner, rows: int, say: Say) -> None:
    """As if the service had stored them month by month. Those it has made already are made anew."""
    each = months(runner)
    started = time.monotonic()
    for number, (month, first, end, last) in enumerate(each):
        name = f"audit_events_y{month[:4]}m{month[5:]}"
        there = rows * (number + 1) // len(each) - rows * number // len(each)
        text = FILL_MONTH.format(
            name=name, month=month, first=first, end=end, last=last, rows=there, per_call=EVENTS_PER_CALL
        )
        # One command each: VACUUM runs in no transaction.
        commands = [command for command in text.split(";\n") if command.strip()]
        settings = ["SET TimeZone = 'UTC'", "SET maintenance_work_mem = '256MB'", "SET synchronous_commit = off"]
        runner.server.sql(*settings, f"DROP TABLE IF EXISTS {name}", *commands, database=DATABASE, timeout=LOAD_TIMEOUT)
        if number % 20 == 19:
            say(f"{time.monotonic() - started:6.1f} s  {rows * (number + 1) // len(each)} rows")
    runner.server.sql("CHECKPOINT", timeout=LOAD_TIMEOUT)
    if (stored := runner.rows()) != rows:
        raise Failure(f"{stored} of {rows} rows are stored")


class Lists:
    """One client on one connection."""

    def __init__(self, running: Running) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)

    def get(self, query: str) -> tuple[int, Any]:
        self.connection.request("GET", f"/api/v1/audit/events{query}")
        answer = self.connection.getresponse()
        body = answer.read()
        return answer.status, json.loads(body) if answer.status == 200 else body[:200]

    def page(self, query: str) -> Any:
        status, body = self.get(query)
        if status != 200:
            raise Failure(f"{query}: {status} {body!r}")
        return body


def measure(runner: Runner, lists: Lists, queries: list[str]) -> dict[str, Any]:
    """Lists one after the other, each query in turn; PostgreSQL's time is that of planning and of execution."""
    for number in range(WARM_UP):
        lists.page(queries[number % len(queries)])
    runner.sql("SELECT pg_stat_statements_reset()")
    took = []
    for number in range(LISTS):
        started = time.monotonic()
        lists.page(queries[number % len(queries)])
        took.append((time.monotonic() - started) * 1000)
    milliseconds, calls = runner.sql(
        "SELECT sum(total_plan_time + total_exec_time), sum(calls) FROM pg_stat_statements "
        "JOIN pg_roles ON pg_roles.oid = userid WHERE rolname = 'bench' "
        "AND query ~ '^(WITH page|SELECT count|SELECT min\\(month\\))'"  # not what looks after the partitions
    ).split("|")
    return {
        "postgresql_ms": float(milliseconds) / LISTS,
        "statements": float(calls) / LISTS,
        "p50_ms": statistics.median(took),
    }


def at_once(running: Running, queries: list[str]) -> dict[str, int]:
    """How often each status was answered."""
    ready = threading.Barrier(AT_ONCE)

    def one(number: int) -> int:
        lists = Lists(running)
        lists.connection.connect()
        ready.wait(60)
        return lists.get(queries[number % len(queries)])[0]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        statuses = Counter(pool.map(one, range(AT_ONCE)))
    return {str(status): count for status, count in statuses.items()}


def history(runner: Runner, rows: int, say: Say) -> dict[str, Any]:
    """The lists over so many rows."""
    for name, value in SETTINGS.items():
        runner.server.sql(f"ALTER SYSTEM SET {name} = '{value}'")
    runner.server.stop()
    runner.server.start()
    runner.sql("ALTER SYSTEM SET pg_stat_statements.track_planning = on", "SELECT pg_reload_conf()")
    runner.sql("CREATE EXTENSION pg_stat_statements")
    runner.connections = CONNECTIONS
    with runner.running(OURS):  # makes the schema
        pass
    say(f"storing {rows} events in {MONTHS} months")
    fill(runner, rows, say)
    each = months(runner)
    cases = []
    with runner.running(OURS) as running:
        lists = Lists(running)
        first = lists.page("")
        if not first["pagination"]["has_more"] or len(first["data"]) != first["pagination"]["limit"]:
            raise Failure(f"the first page is {first['pagination']}")
        middle = lists.page(f"?until={each[len(each) // 2][0]}-01T00:00:00Z")
        some = [each[place][0] for place in (0, len(each) // 3, len(each) // 2, -2, -1)]
        asked = {
            "first page, no filter": [""],
            f"page by correlation id ({EVENTS_PER_CALL} events of one month)": [
                f"?correlation_id={month}%20{number}" for month in some for number in (1, 7)
            ],
            "page at a cursor": [f"?cursor={page['pagination']['next']}" for page in (first, middle)],
        }
        for title, queries in asked.items():
            case = {"title": title, **measure(runner, lists, queries), "at_once": at_once(running, queries)}
            say(f"{title:52} {case['postgresql_ms']:6.2f} ms of PostgreSQL  at once: {case['at_once']}")
            cases.append(case)
    return {"rows": rows, "months": MONTHS, "at_once": AT_ONCE, "cases": cases}


def evaluate_history(figures: dict[str, Any]) -> list[Target]:
    size = f"{figures['rows'] / 1e6:g} M rows"
    costs = [
        at_most(f"{case['title']}, {size}: PostgreSQL's time", case["postgresql_ms"], MAX_MILLISECONDS, "ms")
        for case in figures["cases"]
    ]
    others = sum(count for case in figures["cases"] for status, count in case["at_once"].items() if status != "200")
    return [*costs, at_most(f"of {AT_ONCE} lists at once, those not answered 200", others, 0, "lists")]
