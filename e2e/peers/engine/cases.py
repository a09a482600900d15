"""The cases: what every pool is asked to do, and how a run of one is watched from outside."""

from __future__ import annotations

import itertools
import json
import random
import signal
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import server as postgres
from pools import OURS_PROGRAM, Pool
from processes import Failure, Process, run

Figures = dict[str, Any]

DATABASES = 200
PER_DATABASE = 3
SKEW = 1.1
SEED = 7
CONNECTORS = (2, 4, 8, 16)
START_SECONDS = 60  # for a program to start, warm up, wait for its last clients and end
OUTAGE_AFTER = 2.0  # seconds
OUTAGE = 1.0  # seconds
LRU_REQUESTS = 200_000


@dataclass(frozen=True)
class Case:
    title: str
    name: str  # as the programs know it
    unit: str
    key: str  # of the compared figure
    threads: int
    clients: int
    connections: int
    seconds: int
    more_is_better: bool = True

    def seconds_of(self, quick: bool) -> int:
        # A storm needs the time until the last pool is back.
        return 1 if quick and self.name != "storm" else self.seconds


RATE = ("operations/s", "operations_per_second")
CASES = (
    Case("get+put, 1 client, 1 thread", "get_put", *RATE, 1, 1, 16, 2),
    Case("get+put, 64 clients", "get_put", *RATE, 2, 64, 16, 2),
    Case("get+put, 1,000 clients", "get_put", *RATE, 2, 1000, 16, 2),
    Case("SELECT 1, 64 clients", "select_1", *RATE, 2, 64, 16, 3),
    Case("restart: until all are served", "storm", "s", "all_served_seconds", 2, 64, 16, 9, more_is_better=False),
    Case("200 databases, budget 20", "zipf", *RATE, 2, 64, 20, 5),
    Case("200 databases, budget 100", "zipf", *RATE, 2, 64, 100, 5),
)


class Runner:
    def __init__(self, server: postgres.Server, quick: bool) -> None:
        self.server = server
        self.quick = quick

    def command(self, program: tuple[Any, ...], pool: str, case: str, seconds: int, **options: Any) -> list[Any]:
        options = {
            "pool": pool,
            "case": case,
            "host": "127.0.0.1",
            "port": self.server.port,
            "user": postgres.USER,
            "password": self.server.password,
            "database": postgres.DATABASE,
            "seconds": seconds,
            **options,
        }
        flags = (["--" + name.replace("_", "-"), str(value)] for name, value in options.items())
        return [*program, *itertools.chain.from_iterable(flags)]

    def measure(self, pool: Pool, case: Case) -> Figures:
        """One run of a pool; a Failure if its figures make no sense."""
        seconds = case.seconds_of(self.quick)
        threads = case.threads
        if case.name != "get_put" and pool.statement_threads is not None:
            threads = pool.statement_threads
        options: Figures = {"threads": threads, "clients": case.clients, "connections": case.connections}
        if case.name == "zipf":
            options |= {"databases": DATABASES, "per_database": PER_DATABASE, "skew": SKEW, "seed": SEED}
        command = self.command(pool.command, pool.name, case.name, seconds, **options)
        if case.name == "storm":
            figures = self._through_outage(command, case, seconds)
        elif case.name == "zipf":
            figures = self._sampled(command, seconds)
        else:
            figures = json.loads(run(command, timeout=seconds + START_SECONDS))
        if figures["operations"] <= 0 or figures["seconds"] <= 0:
            raise Failure(f"{pool.name} did nothing in {case.title}: {figures}")
        figures["operations_per_second"] = figures["operations"] / figures["seconds"]
        self._wait_until_gone(pool.name)
        return figures

    def _wait_until_gone(self, name: str) -> None:
        give_up = time.monotonic() + 30
        while left := self.server.backends():
            if time.monotonic() > give_up:
                raise Failure(f"{left} backends of {name} are left 30 s after it ended")
            time.sleep(0.05)

    def _sampled(self, command: list[Any], seconds: int) -> Figures:
        superuser = {"user": "postgres", "password": self.server.superuser_password, "database": "postgres"}
        command_of_sampler = self.command(
            (OURS_PROGRAM,), "ours", "sample", 600, sampled_user=postgres.USER, **superuser
        )
        with Process(command_of_sampler) as sampling:
            figures: Figures = json.loads(run(command, timeout=seconds + START_SECONDS))
            sampling.signal(signal.SIGTERM)
            sampled = json.loads(sampling.result(timeout=10))
        if sampled["samples"] < 10 * seconds:
            raise Failure(f"the backends were sampled only {sampled['samples']} times in {seconds} s")
        return figures | {"backends_peak": sampled["peak"], "backends_mean": sampled["mean"]}

    def _through_outage(self, command: list[Any], case: Case, seconds: int) -> Figures:
        with Process(command) as process:
            give_up = time.monotonic() + START_SECONDS
            while self.server.backends() < case.connections:
                if process.popen.poll() is not None or time.monotonic() > give_up:
                    raise Failure(f"{command[0]} did not open its connections: {process.result(timeout=1)}")
                time.sleep(0.05)
            self.server.sql("CHECKPOINT")  # else the time of the recovery hangs on what was done before
            time.sleep(OUTAGE_AFTER)
            stopped = time.time()
            self.server.stop()
            time.sleep(OUTAGE)
            ready = self.server.start()
            figures: Figures = json.loads(process.result(timeout=seconds + START_SECONDS))
        served = [at for at in figures.pop("served_at") if at is not None and at > stopped]
        clients = figures["clients"]
        figures["clients_served"] = len(served)
        figures["first_served_seconds"] = min(served) - ready if served else None
        figures["all_served_seconds"] = max(served) - ready if len(served) == clients else None
        return figures

    def connect_loop(self) -> Figures:
        """New backends per second of the bare server, by the number of connectors; the best of them counts."""
        seconds = 1 if self.quick else 2
        rates = {}
        for clients in CONNECTORS:
            command = self.command((OURS_PROGRAM,), "ours", "connect_loop", seconds, clients=clients)
            figures = json.loads(run(command, timeout=seconds + START_SECONDS))
            rates[clients] = figures["operations"] / figures["seconds"]
        return {"by_connectors": rates, "backends_per_second": max(rates.values())}


def ideal_lru_miss_rate(slots: int) -> float:
    """Of one seeded sequence of requests, each to one of DATABASES by Zipf's law, with a cache of `slots` connections of
    which the least recently used makes room."""
    weights = list(itertools.accumulate(rank**-SKEW for rank in range(1, DATABASES + 1)))
    cache: OrderedDict[int, None] = OrderedDict()
    misses = 0
    for database in random.Random(SEED).choices(range(DATABASES), cum_weights=weights, k=LRU_REQUESTS):
        if database in cache:
            cache.move_to_end(database)
            continue
        misses += 1
        if len(cache) >= slots:
            cache.popitem(last=False)
        cache[database] = None
    return misses / LRU_REQUESTS
