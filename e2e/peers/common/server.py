"""One real PostgreSQL server for the whole run: default durability, a folder, a port and a role of its own."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from pathlib import Path

from processes import Failure, Process, run

USER = "bench"
DATABASE = "bench"
MAX_CONNECTIONS = 300


def find_program(name: str) -> Path:
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]))
    if versions:
        return versions[-1]
    if found := shutil.which(name):
        return Path(found)
    raise Failure(f"{name} is missing: install PostgreSQL's server programs (hack/setup does)")


def hold_port() -> socket.socket:
    """Bound to a free port and never listening: keeps it for who sets SO_REUSEADDR as well."""
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    return holder


class Server:
    """Running inside its `with` block; afterwards nothing is left of it."""

    def __init__(self, tls: bool = False) -> None:
        self.tls = tls  # for who asks for it
        self.password = secrets.token_hex(16)
        self.superuser_password = secrets.token_hex(16)
        self.owner = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self.process: Process | None = None

    def __enter__(self) -> Server:
        self.holder = hold_port()  # also while the server is down
        self.root = Path(tempfile.mkdtemp(prefix="bench-postgres-"))
        try:
            self.port: int = self.holder.getsockname()[1]
            self._initialize()
            self.start()
            self.sql(f"CREATE ROLE {USER} LOGIN PASSWORD '{self.password}'")
            self.sql(f"CREATE DATABASE {DATABASE} OWNER {USER}")
            self.version = self.sql("SHOW server_version").strip()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.stop()
        finally:
            if self.process:
                self.process.kill()
            self.holder.close()
            shutil.rmtree(self.root, ignore_errors=True)

    @property
    def pid(self) -> int:
        """Of the first of the server's processes."""
        if not self.process:
            raise Failure("PostgreSQL is not running")
        return self.process.popen.pid

    def _as_owner(self) -> str | None:
        return self.owner if os.geteuid() == 0 else None

    def _initialize(self) -> None:
        password_file = self.root / "password"
        password_file.write_text(self.superuser_password + "\n")
        if os.geteuid() == 0:
            for path in (self.root, password_file):
                shutil.chown(path, self.owner, self.owner)
        data = self.root / "data"
        options = ["--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C"]
        run(
            [find_program("initdb"), f"--pgdata={data}", "--username=postgres", f"--pwfile={password_file}", *options],
            timeout=120,
            user=self._as_owner(),
        )
        password_file.unlink()
        with open(data / "postgresql.conf", "a", encoding="utf-8") as file:
            file.write(
                f"listen_addresses = '127.0.0.1'\nport = {self.port}\nunix_socket_directories = '{self.root}'\n"
                f"max_connections = {MAX_CONNECTIONS}\nlogging_collector = off\n"
            )
            if self.tls:
                file.write("ssl = on\n")
                self._make_certificate(data)

    def _make_certificate(self, data: Path) -> None:
        subject = ["-subj", "/CN=127.0.0.1", "-days", "1"]
        files = ["-keyout", data / "server.key", "-out", data / "server.crt"]
        run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject, *files], 60, user=self._as_owner())

    def start(self, timeout: float = 60) -> float:
        """Returns the Unix time, in seconds, at which it let the first session in."""
        log = self.root / "log"
        command: list[str | Path] = [find_program("postgres"), "-D", self.root / "data"]
        with log.open("ab") as output:
            self.process = Process(command, output=output, errors=subprocess.STDOUT, user=self._as_owner())
        give_up = time.monotonic() + timeout
        while not self._lets_in():
            if self.process.popen.poll() is not None or time.monotonic() > give_up:
                raise Failure(f"PostgreSQL does not come up:\n{log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.002)
        return time.time()

    def stop(self, timeout: float = 30) -> None:
        """At once, as in a crash: every session is cut."""
        if not self.process:
            return
        self.process.signal(signal.SIGQUIT)
        try:
            self.process.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failure(f"PostgreSQL did not stop within {timeout:.0f} s") from None
        self.process = None

    def _lets_in(self) -> bool:
        """Whether a plain connect of the superuser works (protocol 3.0, trusted on the Unix socket)."""
        parameters = b"user\0postgres\0database\0postgres\0\0"
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            try:
                connection.connect(str(self.root / f".s.PGSQL.{self.port}"))
                connection.sendall(struct.pack("!ii", 8 + len(parameters), 196608) + parameters)
                return connection.recv(1) == b"R"  # AuthenticationOk; an ErrorResponse begins with E
            except OSError:
                return False

    def psql(self, database: str = "postgres") -> list[str | Path]:
        """The command of a psql of the superuser; rows unaligned."""
        where: list[str | Path] = ["-h", self.root, "-p", str(self.port), "-U", "postgres", "-d", database]
        return [find_program("psql"), "-XtAqv", "ON_ERROR_STOP=1", *where]

    def sql(self, *commands: str, database: str = "postgres", timeout: float = 60) -> str:
        """As the superuser, commands of psql too."""
        each = [argument for text in commands for argument in ("-c", text)]
        return run([*self.psql(database), *each], timeout=timeout)

    def add_databases(self, first: int, count: int) -> None:
        """A session in each makes what the server keeps for the sessions after it."""
        names = [f"{DATABASE}_{number}" for number in range(first, first + count)]
        commands = ((f"CREATE DATABASE {name} OWNER {USER}", f"\\connect {name}") for name in names)
        self.sql(*(text for pair in commands for text in pair), timeout=300)

    def backends(self) -> int:
        return int(self.sql(f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{USER}'"))
