"""PgBouncer between a service and PostgreSQL: each transaction has a server connection, and no longer."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from processes import Failure, Process
from server import USER, Server, hold_port

START_TIMEOUT = 30  # seconds
STOP_TIMEOUT = 30


def find_pgbouncer() -> str:
    if found := shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin"):
        return found
    raise Failure("pgbouncer is missing (hack/setup installs it)")


class PgBouncer:
    """Listening inside its `with` block; afterwards nothing is left of it."""

    def __init__(self, server: Server, connections: int, clients: int, folder: Path) -> None:
        self.server = server
        self.settings = {
            "listen_addr": "127.0.0.1",
            "unix_socket_dir": "",
            "auth_type": "any",  # who comes is `user` of the one database
            "pool_mode": "transaction",
            "default_pool_size": connections,
            "max_client_conn": clients + 10,
        }
        self.folder = folder

    def __enter__(self) -> PgBouncer:
        self.folder.mkdir()
        self.holder = hold_port()
        self.process: Process | None = None
        try:
            self.port: int = self.holder.getsockname()[1]
            self._start()
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
        self.holder.close()

    def _start(self) -> None:
        target = f"host=127.0.0.1 port={self.server.port} user={USER} password={self.server.password}"
        lines = [f"{name} = {value}" for name, value in (self.settings | {"listen_port": self.port}).items()]
        ini = self.folder / "pgbouncer.ini"
        ini.write_text("\n".join(["[databases]", f"* = {target}", "[pgbouncer]", *lines]) + "\n")
        owner = self.server.owner if os.geteuid() == 0 else None  # it refuses to run as root
        if owner:
            for path in (self.folder, ini):
                shutil.chown(path, owner, owner)
        ini.chmod(0o600)
        self.log = self.folder.with_suffix(".log")
        with self.log.open("wb") as output:
            self.process = Process([find_pgbouncer(), ini], output=output, errors=subprocess.STDOUT, user=owner)
        give_up = time.monotonic() + START_TIMEOUT
        while not self._listens():
            if self.process.popen.poll() is not None or time.monotonic() > give_up:
                raise Failure(f"PgBouncer does not come up:\n{self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.02)

    def _listens(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def _stop(self) -> None:
        """Its sessions end with it, before the next run counts the server's."""
        assert self.process
        self.process.signal(signal.SIGTERM)
        try:
            self.process.popen.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            raise Failure(f"PgBouncer did not end within {STOP_TIMEOUT} s") from None

    @property
    def pid(self) -> int:
        assert self.process
        return self.process.popen.pid
