"""A service while it runs: how it is started, watched and ended."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from pooler import PgBouncer
from processes import Failure, Process
from server import DATABASE, USER, Server
from service_account import make_access
from services import BARE, DEFAULTS, PEER, POOLED, Service

START_TIMEOUT = 60  # seconds, until a service takes requests
STOP_TIMEOUT = 60
LOG_KEY = "PRIVATE+KEY+storagepool.dev/bench+17b22568+AWJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJi"
DEFAULT_IDLE = 5  # pool/common/settings: maxIdleConns
# Of the Go service to PgBouncer, for each of PgBouncer's to PostgreSQL: requests wait in PgBouncer, as they do where one is used.
POOLED_CONNECTIONS = 4
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process with all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def children_of(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def cpu_seconds_of_group(pid: int) -> float:
    """Of a process, its children that are there and those that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    total = sum(int(field) for field in fields[11:15]) / TICKS_PER_SECOND
    for child in children_of(pid):
        try:
            total += cpu_seconds(child)
        except (FileNotFoundError, ProcessLookupError):  # it has ended since
            pass
    return total


class Running:
    """A service that takes requests inside its `with` block; afterwards nothing is left of it."""

    def __init__(self, service: Service, server: Server, connections: int, flags: tuple[str, ...] = ()) -> None:
        self.service = service
        self.server = server
        self.connections = connections
        self.flags = flags  # of ours, further ones

    def __enter__(self) -> Running:
        self.root = Path(tempfile.mkdtemp(prefix="bench-service-"))
        self.log = self.root / "log"
        self.process: Process | None = None
        self.pooler: PgBouncer | None = None
        self.load_flags: list[str] = []  # of who puts load on it
        try:
            self._write_files()
            if self.service is POOLED:
                self._start_pooler()
            with self.log.open("wb") as output:
                self.process = Process(self._command(), output=output, errors=subprocess.STDOUT)
            self._wait_until_ready()
        except BaseException:
            self._clean_up()
            raise
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                self._stop()
        finally:
            self._clean_up()

    def _clean_up(self) -> None:
        if self.process:
            self.process.kill()
        if self.pooler:
            self.pooler.__exit__(Failure)
        shutil.rmtree(self.root, ignore_errors=True)

    def _start_pooler(self) -> None:
        self.root.chmod(0o711)  # PgBouncer runs as another user
        clients = self.connections * POOLED_CONNECTIONS
        self.pooler = PgBouncer(self.server, self.connections, clients, self.root / "pgbouncer").__enter__()

    def _write_files(self) -> None:
        tuned = self.service is not DEFAULTS
        target = f"host: 127.0.0.1, port: {self.server.port}, database: {DATABASE}, sslMode: "
        target += "disable" if tuned else "require"
        idle = self.connections if tuned else min(DEFAULT_IDLE, self.connections)
        pool = f"maxOpenConns: {self.connections}, maxIdleConns: {idle}"
        files = {
            "config.yaml": f"generation: 1\npostgres: {{{target}}}\npool: {{{pool}}}\n",
            "credentials/username": USER,
            "credentials/password": self.server.password,
            "log-key": LOG_KEY,
        }
        for folder in ("credentials", "state"):
            (self.root / folder).mkdir()
        for name, text in files.items():
            (self.root / name).write_text(text)

    def _command(self) -> list[str | Path]:
        credentials = f"--credentials-dir={self.root}/credentials"
        if self.service is BARE:
            return [self.service.program]
        if self.service in (PEER, POOLED):
            port = self.pooler.port if self.pooler else self.server.port
            most = self.connections * (POOLED_CONNECTIONS if self.pooler else 1)
            where = [f"--port={port}", f"--database={DATABASE}", f"--connections={most}"]
            return [self.service.program, credentials, *where, *(["--pooled"] if self.pooler else [])]
        ports = [f"--{name}-port=0" for name in ("api", "health", "admin", "metrics")]
        files = [f"--config={self.root}/config.yaml", f"--log-key-file={self.root}/log-key"]
        state = f"--state-dir={self.root}/state"
        flags = ["--listen-address=127.0.0.1", "--drain-delay=0s", *self.flags, *self._auth()]
        return [self.service.program, credentials, *files, state, *flags, *ports]

    def _auth(self) -> list[str]:
        if self.service is not DEFAULTS:
            return []
        access, token = make_access(self.root)
        self.load_flags.append(f"--token-file={token}")
        return ["--auth-mode=ServiceAccount", f"--access-file={access}"]

    def _failure(self, what: str) -> Failure:
        said = self.log.read_text(errors="replace")[-2000:]
        return Failure(f"{self.service.title} {what}:\n{said}")

    def _listening(self) -> dict[str, Any] | None:
        for line in self.log.read_text(errors="replace").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:  # not written to its end yet
                continue
            if isinstance(entry, dict) and entry.get("message") == "listening":
                return entry
        return None

    def _wait_until_ready(self) -> None:
        give_up = time.monotonic() + START_TIMEOUT
        while not (entry := self._listening()) or not self._ready(entry.get("healthPort")):
            if self.process is None or self.process.popen.poll() is not None or time.monotonic() > give_up:
                raise self._failure("does not come up")
            time.sleep(0.02)
        self.port = int(entry["apiPort"])

    @staticmethod
    def _ready(port: int | None) -> bool:
        if port is None:  # what has no such port is ready when it listens
            return True
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def _stop(self) -> None:
        assert self.process
        self.process.signal(signal.SIGTERM)
        try:
            code = self.process.popen.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            raise self._failure(f"did not end within {STOP_TIMEOUT} s") from None
        if code != 0:
            raise self._failure(f"ended with {code}")
        if self.pooler:
            pooler, self.pooler = self.pooler, None
            pooler.__exit__(None)

    @property
    def pid(self) -> int:
        assert self.process
        return self.process.popen.pid

    def _pids(self) -> list[int]:
        return [self.pid, *([self.pooler.pid] if self.pooler else [])]

    def cpu_seconds(self) -> float:
        """Of what stands between clients and PostgreSQL."""
        return sum(cpu_seconds(pid) for pid in self._pids())

    def memory_mib(self, field: str) -> float:
        """VmRSS: held now; VmHWM: the most that was held. Of what stands between clients and PostgreSQL."""
        return sum(self._memory_mib(pid, field) for pid in self._pids())

    def _memory_mib(self, pid: int, field: str) -> float:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) / 1024
        raise self._failure("has ended")
