"""The operators that are compared: how each is built and run in a world of its own (world/main.cc)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processes import Failure, Process, run

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
RELEASE = ROOT / "build/release"
WORLD = RELEASE / "e2e/peers/operator/world/operator_world"
BUILD_TIMEOUT = 3600  # seconds; a first build takes long


@dataclass(frozen=True)
class Operator:
    name: str
    title: str
    program: Path
    flags: tuple[str, ...] = ()  # of the world, for it


OURS = Operator("ours", "storagepool-operator (C++)", RELEASE / "operator/manager/storagepool-operator")
PEER = Operator("go", "controller-runtime (Go)", ROOT / "build/peers/go/operator-peer", ("--told-children",))
OPERATORS = (OURS, PEER)


@dataclass(frozen=True)
class Sizes:
    storage_pools: int
    pods: int
    silent: int
    workers: int
    rest: int  # seconds
    limit: int  # seconds that a scenario may take


def build() -> Path:
    """Returns the folder with etcd and kube-apiserver."""
    for tool, what in (("cmake", "ours"), ("ninja", "ours"), ("go", "the Go operator")):
        if not shutil.which(tool):
            raise Failure(f"{tool} is missing, which building {what} takes")
    run(["cmake", "--preset", "release"], cwd=ROOT, timeout=BUILD_TIMEOUT)
    targets = ["--target", "storagepool-operator", "operator_world", "-j2"]
    run(["cmake", "--build", "build/release", *targets], cwd=ROOT, timeout=BUILD_TIMEOUT)
    run(["go", "build", "-trimpath", "-ldflags=-s -w", "-o", PEER.program, "."], cwd=HERE / "go", timeout=BUILD_TIMEOUT)
    run(["hack/cluster/cluster", "build"], cwd=ROOT, timeout=BUILD_TIMEOUT)
    return Path(run(["hack/cluster/cluster", "clients"], cwd=ROOT, timeout=BUILD_TIMEOUT).strip())


def measure(operator: Operator, sizes: Sizes) -> dict[str, Any]:
    """By scenario, what world/scenarios.h tells; and the load of the machine before and after."""
    before = os.getloadavg()[0]
    started = time.monotonic()
    options = [f"--{name.replace('_', '-')}={value}" for name, value in vars(sizes).items()]
    command = [WORLD, *options, *operator.flags, operator.program]
    scenarios = 7
    with Process(command, errors=None) as process:  # its progress is for people
        figures = json.loads(process.result(scenarios * sizes.limit + 2 * sizes.rest + 300))
    return {
        "scenarios": figures,
        "seconds": time.monotonic() - started,
        "load_average": [round(before, 2), round(os.getloadavg()[0], 2)],
    }


def add_to_path(folder: Path) -> None:
    os.environ["PATH"] = f"{folder}:{os.environ['PATH']}"


def version_of_api_server() -> str:
    return subprocess.run(["kube-apiserver", "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
