"""The cases: what the services are asked to do."""

from __future__ import annotations

from dataclasses import dataclass

CORRELATIONS = 1000  # of the stored events that the list case reads
EVENTS_PER_CORRELATION = 20
FILL_BATCH = 100
FILL_PREFIX = "fill"


@dataclass(frozen=True)
class Case:
    title: str
    kind: str  # as service_load knows it
    clients: int
    events: int = 1  # of one request
    against_copy: bool = False  # the rows that our service stored are also stored by COPY

    @property
    def reads(self) -> bool:
        return self.kind == "list"


CASES = (
    *(
        Case(f"POST one event, {clients} client{'s' if clients > 1 else ''}", "post", clients)
        for clients in (1, 16, 64, 150, 500)
    ),
    Case("POST a batch of 100, 4 clients", "batch", 4, events=100, against_copy=True),
    Case("POST a batch of 500, 4 clients", "batch", 4, events=500, against_copy=True),
    Case(f"GET by correlation id ({EVENTS_PER_CORRELATION} events), 16 clients", "list", 16),
)
SOAK = Case("POST one event, 500 clients", "post", 500)

# Figures of one run, with their units.
UNITS = {
    "requests_per_second": "requests/s",
    "events_per_second": "events/s",
    "p50_us": "µs",
    "p95_us": "µs",
    "p99_us": "µs",
    "max_us": "µs",
    "cpu_us_per_request": "µs of the service",
    "postgresql_cpu_us_per_request": "µs of PostgreSQL",
    "load_cpu_us_per_request": "µs of the load generator",
    "rss_peak_mib": "MiB",
    "backends_peak": "backends",
}
