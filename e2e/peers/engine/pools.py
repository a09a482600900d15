"""The pools that are compared: how each program is built and called."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from processes import Failure, run

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
OURS_PROGRAM = ROOT / "build/release/e2e/peers/engine/cpp/engine_peer_benchmark"
BUILD = ROOT / "build/peers"
BUILD_TIMEOUT = 1800  # seconds; the first build fetches packages

ONE_DATABASE = ("get_put", "select_1", "storm")


def build_ours() -> None:
    run(["cmake", "--preset", "release"], cwd=ROOT, timeout=BUILD_TIMEOUT)
    command = ["cmake", "--build", "build/release", "--target", "engine_peer_benchmark", "-j2"]
    run(command, cwd=ROOT, timeout=BUILD_TIMEOUT)


def build_go() -> None:
    run(["go", "build", "-o", BUILD / "go/peer", "."], cwd=HERE / "go", timeout=BUILD_TIMEOUT)


def build_rust() -> None:
    where: list[str | Path] = ["--target-dir", BUILD / "rust"]
    run(["cargo", "build", "--release", "--locked", "--jobs", "2", *where], cwd=HERE / "rust", timeout=BUILD_TIMEOUT)


def build_java() -> None:
    run(["mvn", "--batch-mode", "--quiet", "package"], cwd=HERE / "java", timeout=BUILD_TIMEOUT)


def build_python() -> None:
    run([HERE / "python/build"], cwd=ROOT, timeout=BUILD_TIMEOUT)


@dataclass(frozen=True)
class Pool:
    name: str  # as its program knows it
    language: str
    tools: tuple[str, ...]  # what building and running it takes
    build: Callable[[], None]
    command: tuple[str | Path, ...]
    cases: tuple[str, ...] = ONE_DATABASE
    note: str = ""
    statement_threads: int | None = None  # if its users run statements on fewer threads than the case has


GO = (BUILD / "go/peer",)
RUST = (BUILD / "rust/release/rust-peer",)
POOLS = (
    Pool("ours", "C++", ("cmake", "ninja"), build_ours, (OURS_PROGRAM,), (*ONE_DATABASE, "zipf"), statement_threads=1),
    Pool("database/sql", "Go", ("go",), build_go, GO, note="with pgx"),
    Pool("pgxpool", "Go", ("go",), build_go, GO),
    Pool("deadpool-postgres", "Rust", ("cargo",), build_rust, RUST),
    Pool("bb8", "Rust", ("cargo",), build_rust, RUST, note="with bb8-postgres"),
    Pool("hikaricp", "Java", ("java", "mvn"), build_java, ("java", "-jar", BUILD / "java/hikaricp-peer.jar")),
    Pool("psycopg_pool", "Python", ("python3",), build_python, (BUILD / "python/bin/python3", HERE / "python/peer.py")),
    Pool("pgxpool-per-database", "Go", ("go",), build_go, GO, ("zipf",), "a pgxpool for each database, the same total"),
)


def chosen(names: str) -> list[Pool]:
    by_name = {pool.name: pool for pool in POOLS}
    wanted = by_name.keys() if names == "all" else [name.strip() for name in names.split(",")]
    if unknown := [name for name in wanted if name not in by_name]:
        raise Failure(f"--pools: {unknown[0]!r} is none of {', '.join(by_name)}")
    # Ours is what the others are compared with.
    return [by_name[name] for name in by_name if name in wanted or name == "ours"]


def check_tools(pools: list[Pool]) -> None:
    for pool in pools:
        for tool in pool.tools:
            if not shutil.which(tool):
                raise Failure(f"{tool} is missing, which {pool.name} needs: install it, or choose others with --pools")
