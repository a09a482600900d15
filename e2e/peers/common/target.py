"""A figure that has to be reached, and whether it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Target:
    name: str
    met: bool
    value: float | None  # None: never reached
    limit: float
    unit: str
    more_is_better: bool = True

    @property
    def ratio(self) -> float | None:
        """How much of the target was reached: 1 or more when it was met. None where one of the two is 0."""
        if not self.value or not self.limit:
            return None
        return self.value / self.limit if self.more_is_better else self.limit / self.value

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "met": self.met,
            "value": self.value,
            "limit": self.limit,
            "unit": self.unit,
            "ratio": self.ratio,
        }


def at_least(name: str, value: float | None, limit: float, unit: str) -> Target:
    return Target(name, value is not None and value >= limit, value, limit, unit)


def at_most(name: str, value: float | None, limit: float, unit: str) -> Target:
    return Target(name, value is not None and value <= limit, value, limit, unit, more_is_better=False)
