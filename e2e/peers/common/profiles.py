"""Where a program's work goes: instructions and allocations counted by callgrind, system calls counted by strace, and
time sampled by perf, drawn as a flame graph."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import tables
from processes import Failure, run

TOOLS = {"valgrind": "valgrind", "strace": "strace", "perf": "linux-perf"}
ALLOCATIONS = re.compile(r"^(malloc|calloc|realloc|operator new.*|mi_.*alloc.*)(@.*)?$")
# In the order in which they are looked for in a function's name; the one that stands first in it counts.
NAMESPACES = re.compile(r"storagepool::(\w+)|boost::(asio|beast)|(simdjson|nlohmann|prometheus)::|\b(std)::")


def require_tools() -> None:
    missing = [package for tool, package in TOOLS.items() if not shutil.which(tool)]
    if missing:
        raise Failure(f"missing: {', '.join(missing)} (hack/setup profile installs them)")


@dataclass
class Costs:
    """Of one run under callgrind."""

    instructions: Counter[tuple[str, str]] = field(default_factory=Counter)  # by object and function, their own
    allocations: int = 0


def read_callgrind(path: Path) -> Costs:
    """A file in callgrind's format (valgrind manual, "Callgrind Format Specification")."""
    costs = Costs()
    names: dict[tuple[str, str], str] = {}
    place = {"ob": "", "fn": "", "cfn": ""}
    of_call = False  # the next line of numbers is what a call took, which its function counts itself
    for line in path.read_text(errors="replace").splitlines():
        if match := re.match(r"^(ob|fn|cob|cfn)=(\(\d+\))(?: (.*))?$", line):
            kind, number, name = match.groups()
            key = (kind[-2:], number)  # calls share the names' numbers
            if name:
                names[key] = name
            place[kind] = names.get(key, "")
        elif line.startswith("calls="):
            if ALLOCATIONS.match(place["cfn"]) and not ALLOCATIONS.match(place["fn"]):
                costs.allocations += int(line[len("calls=") :].split()[0])
            of_call = True
        elif line[:1] in "+-*0123456789" and line:
            if not of_call:
                parts = line.split()
                costs.instructions[place["ob"], place["fn"]] += int(parts[1]) if len(parts) > 1 else 0
            of_call = False
    if not costs.instructions:
        raise Failure(f"callgrind counted nothing: {path}")
    return costs


def room_of(library: str, function: str) -> str:
    """The room of ours that a function belongs to, else its library."""
    name = Path(library).name
    if "malloc" in name:
        return "allocation"
    if match := NAMESPACES.search(function):
        return next(group for group in match.groups() if group)
    if re.match(r"_*(mem|str)\w*", function) and name.startswith("libc."):
        return "copying and comparing"
    return name.partition(".so")[0] or "unknown"


def by_room(costs: Costs) -> Counter[str]:
    rooms: Counter[str] = Counter()
    for (library, function), count in costs.instructions.items():
        rooms[room_of(library, function)] += count
    return rooms


def read_strace(path: Path) -> Counter[str]:
    """System calls by name, from the table that `strace -c` writes."""
    calls: Counter[str] = Counter()
    for line in path.read_text().splitlines():
        if match := re.match(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", line):
            if match.group(2) != "total":
                calls[match.group(2)] += int(match.group(1))
    return calls


def fold(script: str) -> Counter[tuple[str, ...]]:
    """Stacks, outermost function first, and how often each was met, from what `perf script` writes."""
    stacks: Counter[tuple[str, ...]] = Counter()
    stack: list[str] = []
    for line in [*script.splitlines(), ""]:
        if match := re.match(r"^\s+[0-9a-f]+ (.+?)(?: \(.*\))?$", line):
            stack.append(re.sub(r"\+0x[0-9a-f]+$", "", match.group(1)))
        elif not line.strip() and stack:
            stacks[tuple(reversed(stack))] += 1
            stack = []
    return stacks


PERF = ("perf", "record", "-e", "cpu-clock", "-F", "1999", "--call-graph", "fp", "-o")


def flames_of(data: Path, title: str) -> str:
    """The flame graph of what PERF has written."""
    stacks = fold(run(["perf", "script", "-i", data, "-F", "ip,sym"], timeout=300))
    if not stacks:
        raise Failure("perf took no samples")
    return flame_graph(stacks, title)


WIDTH, ROW, LEAST = 1400, 17, 0.6  # pixels; what is narrower is left out


def flame_graph(stacks: Counter[tuple[str, ...]], title: str) -> str:
    """An SVG: each box is a function, as wide as it was on the stack; what it called stands above it."""
    total = sum(stacks.values())
    deepest = max((len(stack) for stack in stacks), default=0)
    height = (deepest + 3) * ROW
    boxes: list[str] = []

    def draw(level: int, left: float, below: list[tuple[tuple[str, ...], int]]) -> None:
        groups: dict[str, list[tuple[tuple[str, ...], int]]] = {}
        for stack, count in below:
            if len(stack) > level:
                groups.setdefault(stack[level], []).append((stack, count))
        for name, members in sorted(groups.items()):
            count = sum(number for _, number in members)
            width = WIDTH * count / total
            if width >= LEAST:
                boxes.append(box(name, level, left, width, count / total))
                draw(level + 1, left, members)
            left += width

    def box(name: str, level: int, left: float, width: float, share: float) -> str:
        top = height - (level + 2) * ROW
        hue = 200 if "storagepool" in name else 40 if "boost" in name else 0
        shown = escape(name[: int(width / 7)]) if width > 30 else ""
        return (
            f'<g><title>{escape(name)} {share:.2%}</title><rect x="{left:.1f}" y="{top}" width="{width:.1f}" '
            f'height="{ROW - 1}" fill="hsl({hue},55%,{70 + level % 3 * 5}%)"/>'
            f'<text x="{left + 2:.1f}" y="{top + 12}">{shown}</text></g>'
        )

    draw(0, 0, list(stacks.items()))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="monospace" '
        f'font-size="11" aria-label={quoteattr(title)}>'
    )
    return "\n".join([head, f'<text x="4" y="14">{escape(title)}: {total} samples</text>', *boxes, "</svg>"]) + "\n"


def rows(what: str, figures: dict[str, Any]) -> list[list[str]]:
    """Of one of `what`."""
    total = figures["instructions"]
    table = [[f"of one {what}", "", "share"]]
    table += [[f"CPU, {name.partition('_')[0]}", f"{figures[name]:.1f} µs", ""] for name in ("user_us", "kernel_us")]
    table += [[f"  thread {name}", f"{us:.1f} µs", ""] for name, us in figures.get("us_by_thread", {}).items()]
    table += [["allocations", f"{figures['allocations']:.1f}", ""], ["instructions", f"{total:.0f}", ""]]
    for room, count in figures["instructions_by_room"].items():
        if count >= total / 200:
            table.append([f"  {room}", f"{count:.0f}", f"{count / total:.1%}"])
    table += [["system calls", "", ""]]
    table += [[f"  {name}", f"{count:.2f}", ""] for name, count in figures["system_calls"].items()]
    return table


def show(what: str, figures: dict[str, Any], flames: str, to: Path) -> None:
    """Prints them and writes `to`.json and `to`.svg."""
    print("\n" + tables.as_text(rows(what, figures)) + "\n")
    to.parent.mkdir(parents=True, exist_ok=True)
    for suffix, text in (("json", json.dumps(figures, indent=1) + "\n"), ("svg", flames)):
        path = to.with_name(f"{to.name}.{suffix}")
        path.write_text(text, encoding="utf-8")
        print(f"written: {path}")
