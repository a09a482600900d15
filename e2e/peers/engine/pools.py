"""The pools that are compared: how each program is built and called."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from processes import Failure, run

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
OURS_PROGRAM = ROOT / "build/release/pool/engine/engine_peer_benchmark"
BUILD = ROOT / "build/peers"
BUILD_TIMEOUT = 1800  # seconds; the first build fetches packages

ONE_DATABASE = ("get_put", "select_1", "storm")


def need(program: str, why: str) -> str:
    if found := shutil.which(program):
        return found
    raise Failure(f"{program} is missing: it is needed {why}. Install it, or choose other pools with --pools")


def build_ours() -> None:
    cmake = need("cmake", "to build our own engine")
    run([cmake, "--preset", "release"], cwd=ROOT, timeout=BUILD_TIMEOUT)
    run([cmake, "--build", "build/release", "--target", "engine_peer_benchmark", "-j2"], cwd=ROOT, timeout=BUILD_TIMEOUT)


def build_go() -> None:
    go = need("go", "for database/sql and pgxpool")
    run([go, "build", "-o", BUILD / "go/peer", "."], cwd=HERE / "go", timeout=BUILD_TIMEOUT)


def build_rust() -> None:
    cargo = need("cargo", "for deadpool-postgres and bb8")
    command = [cargo, "build", "--release", "--locked", "--jobs", "2", "--target-dir", BUILD / "rust"]
    run(command, cwd=HERE / "rust", timeout=BUILD_TIMEOUT)


def build_java() -> None:
    need("java", "for HikariCP")
    maven = need("mvn", "for HikariCP")
    run([maven, "--batch-mode", "--quiet", "package"], cwd=HERE / "java", timeout=BUILD_TIMEOUT)


def build_python() -> None:
    need("python3", "for psycopg_pool")
    run([HERE / "python/build"], cwd=ROOT, timeout=BUILD_TIMEOUT)


@dataclass(frozen=True)
class Pool:
    name: str  # as its program knows it
    language: str
    build: Callable[[], None]
    command: tuple[str | Path, ...]
    cases: tuple[str, ...] = ONE_DATABASE
    note: str = ""


GO = (BUILD / "go/peer",)
RUST = (BUILD / "rust/release/rust-peer",)
POOLS = (
    Pool("ours", "C++", build_ours, (OURS_PROGRAM,), (*ONE_DATABASE, "zipf")),
    Pool("database/sql", "Go", build_go, GO, note="with pgx"),
    Pool("pgxpool", "Go", build_go, GO),
    Pool("deadpool-postgres", "Rust", build_rust, RUST),
    Pool("bb8", "Rust", build_rust, RUST, note="with bb8-postgres"),
    Pool("hikaricp", "Java", build_java, ("java", "-jar", BUILD / "java/hikaricp-peer.jar")),
    Pool("psycopg_pool", "Python", build_python, (BUILD / "python/bin/python3", HERE / "python/peer.py")),
    Pool("pgxpool-per-database", "Go", build_go, GO, ("zipf",), "a pgxpool for each database, the same total"),
)


def chosen(names: str) -> list[Pool]:
    by_name = {pool.name: pool for pool in POOLS}
    wanted = by_name.keys() if names == "all" else [name.strip() for name in names.split(",")]
    if unknown := [name for name in wanted if name not in by_name]:
        raise Failure(f"--pools: {unknown[0]!r} is none of {', '.join(by_name)}")
    # Ours is what the others are compared with.
    return [by_name[name] for name in by_name if name in wanted or name == "ours"]
