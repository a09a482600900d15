"""Throughput and p99 over the number of clients, as an SVG of plain shapes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from services import OURS, PEER
from tables import microseconds

WIDTH, HEIGHT = 960, 420
PANEL_WIDTH, PANEL_HEIGHT, TOP = 370, 270, 84
SHOWN = (OURS, PEER)
COLORS = {service.name: color for service, color in zip(SHOWN, ("#1f5fbf", "#c2570c"))}
INK, GRID = "#24292f", "#d8dee4"
Points = list[tuple[float, float]]


def tag(name: str, text: str = "", **attributes: object) -> str:
    written = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in attributes.items())
    return f"<{name}{written}>{escape(text)}</{name}>" if text else f"<{name}{written}/>"


def label(x: float, y: float, text: str, anchor: str = "middle", size: int = 12, **more: object) -> str:
    return tag("text", text, x=round(x, 1), y=round(y, 1), text_anchor=anchor, font_size=size, **{"fill": INK, **more})


def short(value: float) -> str:
    return f"{value / 1000:.3g}k" if value >= 1000 else f"{value:.3g}"


def nice_steps(highest: float) -> list[float]:
    """Ticks from 0 to at least `highest`, of 1, 2 or 5 times a power of ten."""
    power = 10 ** math.floor(math.log10(highest / 4))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor * 5 >= highest)
    return [step * number for number in range(math.ceil(highest / step) + 1)]


def decades(lowest: float, highest: float) -> list[float]:
    first, last = math.floor(math.log10(lowest)), math.ceil(math.log10(highest))
    return [10.0**power for power in range(first, max(last, first + 1) + 1)]


@dataclass(frozen=True)
class Panel:
    """One diagram; x is logarithmic."""

    title: str
    left: float
    x_ticks: list[float]
    y_ticks: list[float]
    y_text: Callable[[float], str]
    y_logarithmic: bool

    def x(self, value: float) -> float:
        low, high = math.log(self.x_ticks[0]), math.log(self.x_ticks[-1])
        return self.left + PANEL_WIDTH * (math.log(value) - low) / (high - low)

    def y(self, value: float) -> float:
        scale = math.log if self.y_logarithmic else float
        low, high = scale(self.y_ticks[0]), scale(self.y_ticks[-1])
        return TOP + PANEL_HEIGHT * (1 - (scale(value) - low) / (high - low))

    def draw(self, lines: dict[str, Points]) -> list[str]:
        right, bottom = self.left + PANEL_WIDTH, TOP + PANEL_HEIGHT
        shapes = [label(self.left, TOP - 14, self.title, anchor="start", size=13, font_weight="bold")]
        for value in self.y_ticks:
            y = round(self.y(value), 1)
            shapes.append(tag("line", x1=self.left, y1=y, x2=right, y2=y, stroke=GRID))
            shapes.append(label(self.left - 8, y + 4, self.y_text(value), anchor="end"))
        for value in self.x_ticks:
            x = round(self.x(value), 1)
            shapes.append(tag("line", x1=x, y1=bottom, x2=x, y2=bottom + 5, stroke=INK))
            shapes.append(label(x, bottom + 20, f"{value:.0f}"))
        shapes.append(tag("line", x1=self.left, y1=bottom, x2=right, y2=bottom, stroke=INK))
        shapes.append(label((self.left + right) / 2, bottom + 42, "clients"))
        for name, points in lines.items():
            at = [(round(self.x(x), 1), round(self.y(y), 1)) for x, y in points]
            path = " ".join(f"{x},{y}" for x, y in at)
            shapes.append(tag("polyline", points=path, fill="none", stroke=COLORS[name], stroke_width=2.5))
            shapes += [tag("circle", cx=x, cy=y, r=4, fill=COLORS[name]) for x, y in at]
            # Ours is better: above in the one panel, below in the other. Its labels go to that side.
            above = (name == OURS.name) != self.y_logarithmic
            halo = {"stroke": "#ffffff", "stroke_width": 3, "paint_order": "stroke"}
            for (x, y), (_, value) in zip(at, points):
                beside = y - 9 if above else y + 18
                if beside < bottom:
                    shapes.append(label(x, beside, self.y_text(value), size=11, fill=COLORS[name], **halo))
        return shapes


def lines_of(cases: list[dict[str, Any]], figure: str) -> dict[str, Points]:
    lines = {}
    for service in SHOWN:
        each = [(case["clients"], case["services"][service.name].get(figure)) for case in cases]
        lines[service.name] = [(float(clients), value) for clients, value in each if value]
    return lines


def draw(cases: list[dict[str, Any]], subtitle: str) -> str:
    """The SVG of the cases in which one event is posted; `cases` as in service.json."""
    single = [case for case in cases if case["case"] == "post"]
    clients = [float(case["clients"]) for case in single]
    rates, p99s = lines_of(single, "requests_per_second"), lines_of(single, "p99_us")
    all_rates = [y for points in rates.values() for _, y in points] or [1.0]
    all_p99s = [y for points in p99s.values() for _, y in points] or [1.0]
    panels = (
        (Panel("Events stored per second", 76, clients, nice_steps(max(all_rates) * 1.05), short, False), rates),
        (Panel("p99 latency", 560, clients, decades(min(all_p99s), max(all_p99s)), microseconds, True), p99s),
    )
    shapes = [
        tag("rect", width=WIDTH, height=HEIGHT, fill="#ffffff"),
        label(76, 28, "POST of one event, acknowledged after its commit", "start", 16, font_weight="bold"),
        label(76, 48, subtitle, anchor="start", size=11),
    ]
    for number_of, service in enumerate(SHOWN):
        x = 560 + 150 * number_of
        shapes.append(tag("rect", x=x, y=17, width=14, height=14, fill=COLORS[service.name]))
        shapes.append(label(x + 20, 29, service.title, anchor="start"))
    for panel, lines in panels:
        shapes += panel.draw(lines)
    body = "\n".join(shapes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'font-family="system-ui, sans-serif" role="img">\n<title>Throughput and p99 latency over clients</title>\n'
        f"{body}\n</svg>\n"
    )
