"""The services that are compared, and how each is built."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from pooler import find_pgbouncer
from processes import Failure, run

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
RELEASE = ROOT / "build/release"
OURS_PROGRAM = RELEASE / "pool/service/datastorage"
BARE_PROGRAM = RELEASE / "e2e/peers/service/bare/service_bare"
LOAD_PROGRAM = RELEASE / "e2e/peers/service/load/service_load"
PEER_PROGRAM = ROOT / "build/peers/go/service-peer"
BUILD_TIMEOUT = 3600  # seconds; a first build takes long


@dataclass(frozen=True)
class Service:
    name: str
    title: str
    program: Path
    about: str  # what it is, for the report
    lists: bool = True  # whether it can be asked for events


OURS = Service(
    "ours",
    "DataStorage (C++)",
    OURS_PROGRAM,
    "tuned as its peers are: as many idle connections as open ones, no TLS to PostgreSQL, no tokens",
)
DEFAULTS = Service(
    "ours, defaults",
    "DataStorage (C++) with its defaults",
    OURS_PROGRAM,
    "as a StoragePool has it that says nothing of these: 5 idle connections, TLS to PostgreSQL, a service-account token with "
    "each request",
)
BARE = Service(
    "bare",
    "our HTTP server alone",
    BARE_PROGRAM,
    "our HTTP server, on one thread as ours, with a handler that answers 201 and stores nothing: the limit",
    lists=False,
)
PEER = Service(
    "go",
    "net/http + database/sql (Go)",
    PEER_PROGRAM,
    "net/http and database/sql with pgx, one INSERT per event",
)
POOLED = Service(
    "go, PgBouncer",
    "net/http + database/sql (Go) behind PgBouncer",
    PEER_PROGRAM,
    "the same with four times the connections, to a PgBouncer that pools transactions; pgx keeps no prepared statements then",
)
SERVICES = (OURS, DEFAULTS, BARE, PEER, POOLED)


def build() -> None:
    tools = {"cmake": "building ours", "ninja": "building ours", "go": "building the Go service"}
    for tool, what in (tools | {"openssl": "TLS to PostgreSQL"}).items():
        if not shutil.which(tool):
            raise Failure(f"{tool} is missing, which {what} takes")
    find_pgbouncer()
    run(["cmake", "--preset", "release"], cwd=ROOT, timeout=BUILD_TIMEOUT)
    targets = ["--target", "datastorage", "service_bare", "service_load", "-j2"]
    run(["cmake", "--build", "build/release", *targets], cwd=ROOT, timeout=BUILD_TIMEOUT)
    run(["go", "build", "-o", PEER_PROGRAM, "."], cwd=HERE / "go", timeout=BUILD_TIMEOUT)
