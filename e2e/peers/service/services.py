"""The services that are compared: how each is built, started, watched and ended."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processes import Failure, Process, run
from server import DATABASE, USER, Server

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
RELEASE = ROOT / "build/release"
OURS_PROGRAM = RELEASE / "pool/service/datastorage"
LOAD_PROGRAM = RELEASE / "e2e/peers/service/load/service_load"
PEER_PROGRAM = ROOT / "build/peers/go/service-peer"
BUILD_TIMEOUT = 3600  # seconds; a first build takes long
START_TIMEOUT = 60  # seconds, until a service takes requests
STOP_TIMEOUT = 60
LOG_KEY = "PRIVATE+KEY+storagepool.dev/bench+17b22568+AWJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJi"
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def build() -> None:
    for tool, what in (("cmake", "ours"), ("ninja", "ours"), ("go", "the Go service")):
        if not shutil.which(tool):
            raise Failure(f"{tool} is missing, which building {what} takes")
    run(["cmake", "--preset", "release"], cwd=ROOT, timeout=BUILD_TIMEOUT)
    targets = ["--target", "datastorage", "service_load", "-j2"]
    run(["cmake", "--build", "build/release", *targets], cwd=ROOT, timeout=BUILD_TIMEOUT)
    run(["go", "build", "-o", PEER_PROGRAM, "."], cwd=HERE / "go", timeout=BUILD_TIMEOUT)


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


@dataclass(frozen=True)
class Service:
    name: str
    title: str
    program: Path


OURS = Service("ours", "DataStorage (C++)", OURS_PROGRAM)
PEER = Service("go", "net/http + database/sql (Go)", PEER_PROGRAM)
SERVICES = (OURS, PEER)


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
        try:
            self._write_files()
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
        shutil.rmtree(self.root, ignore_errors=True)

    def _write_files(self) -> None:
        target = f"host: 127.0.0.1, port: {self.server.port}, database: {DATABASE}, sslMode: disable"
        pool = f"maxOpenConns: {self.connections}, maxIdleConns: {self.connections}"
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
        if self.service is PEER:
            where = [f"--port={self.server.port}", f"--database={DATABASE}", f"--connections={self.connections}"]
            return [self.service.program, credentials, *where]
        ports = [f"--{name}-port=0" for name in ("api", "health", "admin", "metrics")]
        files = [f"--config={self.root}/config.yaml", f"--log-key-file={self.root}/log-key"]
        state = f"--state-dir={self.root}/state"
        flags = ["--listen-address=127.0.0.1", "--drain-delay=0s", *self.flags]
        return [self.service.program, credentials, *files, state, *flags, *ports]

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

    @property
    def pid(self) -> int:
        assert self.process
        return self.process.popen.pid

    def cpu_seconds(self) -> float:
        return cpu_seconds(self.pid)

    def memory_mib(self, field: str) -> float:
        """VmRSS: held now; VmHWM: the most that was held."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) / 1024
        raise self._failure("has ended")
