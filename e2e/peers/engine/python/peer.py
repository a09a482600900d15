"""Measures psycopg_pool's AsyncConnectionPool and prints one JSON object.

Settings, each from the documentation of psycopg_pool:
  min_size == max_size   a fixed-size pool
  check                  none, the default: connections are not tested when handed out
  prepare_threshold      the default: a statement is prepared on its sixth execution
  autocommit             a lone SELECT costs one round trip, not three
  event loop             asyncio's own; psycopg's documentation names no other
"""

import argparse
import asyncio
import json
import math
import sys
import time
from dataclasses import dataclass, field

import psycopg
import psycopg_pool

ACQUIRE_TIMEOUT = 30.0  # seconds
WARM_UP = 1.0  # seconds
SAMPLE_EVERY = 64  # operations of one client, so that reading the clock does not dominate
PAUSE_AFTER_ERROR = 0.01  # seconds, in the storm


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure psycopg_pool's AsyncConnectionPool; prints one JSON object.")
    parser.add_argument("--pool", choices=["psycopg_pool"], default="psycopg_pool")
    parser.add_argument("--case", choices=["get_put", "select_1", "storm"], required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=positive(int), required=True)
    parser.add_argument("--user", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--database", required=True)
    parser.add_argument("--seconds", type=positive(float), required=True, help="measured time, after the warm-up")
    parser.add_argument("--clients", type=positive(int), required=True, help="tasks sharing the pool")
    parser.add_argument("--connections", type=positive(int), required=True, help="size of the pool")
    parser.add_argument("--threads", type=positive(int), default=1, help="accepted; asyncio runs on one thread")
    return parser.parse_args()


def positive(kind):
    def convert(text):
        value = kind(text)
        if not 0 < value < math.inf:
            raise argparse.ArgumentTypeError(f"{text}: must be above 0")
        return value

    return convert


@dataclass
class Client:
    """One task's loop over the pool and what it saw between `measure_from` and `end` (time.perf_counter seconds)."""

    pool: psycopg_pool.AsyncConnectionPool
    arguments: argparse.Namespace
    index: int
    measure_from: float
    end: float
    operations: int = 0
    failed: int = 0
    first_error: str | None = None
    latencies: list[float] = field(default_factory=list)
    longest_gap: float = 0.0
    served_at: float | None = None  # Unix time at which the longest gap ended

    async def run(self) -> None:
        work = select_1 if self.arguments.case != "get_put" else self.hold
        storm = self.arguments.case == "storm"
        count = self.index  # clients take their samples at different times
        last_success = self.measure_from
        while (began := time.perf_counter()) < self.end:
            try:
                async with self.pool.connection() as connection:
                    await work(connection)
            except psycopg.Error as error:  # the pool's own time-out is one too
                self.failed += 1
                self.first_error = self.first_error or f"{type(error).__name__}: {error}"
                if storm:
                    await asyncio.sleep(PAUSE_AFTER_ERROR)
                continue
            count += 1
            if began < self.measure_from:
                continue
            self.operations += 1
            if count % SAMPLE_EVERY == 0:
                self.latencies.append(time.perf_counter() - began)
            if storm:
                last_success = self.note_success(last_success)
        if time.perf_counter() - last_success > self.longest_gap:
            self.served_at = None  # the longest gap has not ended

    async def hold(self, _connection: psycopg.AsyncConnection) -> None:
        if self.arguments.clients > self.arguments.connections:
            await asyncio.sleep(0)

    def note_success(self, last_success: float) -> float:
        now = time.perf_counter()
        if now - last_success > self.longest_gap:
            self.longest_gap = now - last_success
            self.served_at = time.time()
        return now


async def select_1(connection: psycopg.AsyncConnection) -> None:
    cursor = await connection.execute("SELECT 1")
    if await cursor.fetchone() != (1,):
        raise RuntimeError("SELECT 1 did not answer 1")


def percentile(ordered: list[float], fraction: float) -> float | None:
    """Nearest rank, in microseconds."""
    if not ordered:
        return None
    return round(ordered[math.ceil(fraction * len(ordered)) - 1] * 1e6, 3)


async def measure(arguments: argparse.Namespace) -> dict:
    pool = psycopg_pool.AsyncConnectionPool(
        kwargs={
            "host": arguments.host,
            "port": arguments.port,
            "user": arguments.user,
            "password": arguments.password,
            "dbname": arguments.database,
            "sslmode": "disable",
            "autocommit": True,
        },
        min_size=arguments.connections,
        max_size=arguments.connections,
        timeout=ACQUIRE_TIMEOUT,
        open=False,
    )
    async with pool:
        await pool.wait(timeout=ACQUIRE_TIMEOUT)
        # The storm counts from the first moment: the server goes away soon after the start.
        measure_from = time.perf_counter() + (0 if arguments.case == "storm" else WARM_UP)
        end = measure_from + arguments.seconds
        clients = [Client(pool, arguments, index, measure_from, end) for index in range(arguments.clients)]
        async with asyncio.TaskGroup() as tasks:
            for client in clients:
                tasks.create_task(client.run())
        seconds = time.perf_counter() - measure_from

    errors = [client.first_error for client in clients if client.first_error]
    if errors:
        print(f"peer.py: first error of {len(errors)} clients: {errors[0]}", file=sys.stderr)
    latencies = sorted(latency for client in clients for latency in client.latencies)
    failed = sum(client.failed for client in clients)
    result = {
        "pool": arguments.pool,
        "version": psycopg_pool.__version__,
        "case": arguments.case,
        "clients": arguments.clients,
        "operations": sum(client.operations for client in clients),
        "seconds": round(seconds, 6),
        "failed": failed,
        "p50_us": percentile(latencies, 0.50),
        "p99_us": percentile(latencies, 0.99),
    }
    if arguments.case == "storm":
        result |= {"served_at": [client.served_at for client in clients], "errors": failed}
    return result


def main() -> None:
    arguments = parse_arguments()
    try:
        result = asyncio.run(measure(arguments))
    except psycopg.Error as error:
        sys.exit(f"peer.py: {error}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
