"""Child processes that never outlive this one: each in a session of its own, killed with all its children on
failure, on a signal, and by the kernel should this process be killed."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO


class Failure(Exception):
    """What went wrong, as a person should read it."""


class Stopped(BaseException):
    """SIGINT or SIGTERM came."""


def stop_on_signals() -> None:
    def stop(number: int, _frame: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # taking everything down is under way
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Stopped(signal.Signals(number).name)

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)


class Process:
    """Ends, with its children, at the latest when the `with` block does."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        cwd: Path | None = None,
        output: IO[bytes] | int = subprocess.PIPE,
        errors: int | None = subprocess.PIPE,
        user: str | None = None,
    ) -> None:
        as_user = [f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
        arguments = ["setpriv", "--pdeathsig=KILL", *as_user, "--", *map(str, command)]
        self.name = Path(command[0]).name
        self.popen = subprocess.Popen(
            arguments,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def signal(self, number: signal.Signals) -> None:
        if self.popen.poll() is None:
            self.popen.send_signal(number)

    def kill(self) -> None:
        try:
            os.killpg(self.popen.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.popen.wait()
        for stream in (self.popen.stdout, self.popen.stderr):
            if stream:
                stream.close()

    def result(self, timeout: float) -> str:
        """Standard output of a process that ends well within `timeout` seconds; else a Failure that says why."""
        try:
            out, err = self.popen.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} did not end within {timeout:.0f} s") from None
        if self.popen.returncode != 0:
            said = "\n".join(text.decode(errors="replace").strip()[-2000:] for text in (out, err) if text)
            raise Failure(f"{self.name} failed with {self.popen.returncode}: {said}")
        return "" if out is None else out.decode()


def run(command: Sequence[str | Path], timeout: float, *, cwd: Path | None = None, user: str | None = None) -> str:
    with Process(command, cwd=cwd, user=user) as process:
        return process.result(timeout)
