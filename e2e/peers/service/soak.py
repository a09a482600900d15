"""Our service under full load for minutes: whether its memory grows."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

from cases import SOAK
from processes import Failure, Process
from runner import PATIENCE, Runner, load_command, problems_of
from running import Running
from services import OURS

EMPTY_EVERY = 30.0  # seconds: nothing is gained from filling the disk
SAMPLE_EVERY = 1.0
SHARE = 0.1  # of the samples that are the beginning, and the end
SETTLE_SHARE = 0.05  # of the time before the beginning: pools and caches fill


def soak(runner: Runner, minutes: float, say: Callable[[str], None]) -> dict[str, Any]:
    seconds = minutes * 60
    samples: list[float] = []
    runner.empty()
    with Running(OURS, runner.server, runner.connections) as running:
        with Process(load_command(running.port, SOAK, seconds, "soak")) as load:
            started = emptied = time.monotonic()
            give_up = started + seconds + PATIENCE
            while load.popen.poll() is None:
                time.sleep(SAMPLE_EVERY)
                now = time.monotonic()
                if now > give_up:
                    raise Failure(f"the load did not end within {seconds + PATIENCE:.0f} s")
                if now - started < seconds:
                    samples.append(running.memory_mib("VmRSS"))
                if now - emptied > EMPTY_EVERY:
                    runner.empty()
                    emptied = now
                    say(f"soak: {(now - started) / 60:.1f} of {minutes:g} minutes, RSS {samples[-1]:.1f} MiB")
            figures = json.loads(load.result(timeout=10))
        peak = running.memory_mib("VmHWM")
    few = max(1, int(len(samples) * SHARE))
    settled = samples[int(len(samples) * SETTLE_SHARE) :]
    return {
        "minutes": minutes,
        "clients": SOAK.clients,
        "requests_per_second": figures["requests"] / figures["seconds"],
        "problems": problems_of(figures),
        "rss_first_mib": statistics.median(settled[:few]),
        "rss_last_mib": statistics.median(settled[-few:]),
        "rss_peak_mib": peak,
        "rss_samples_mib": [round(sample, 2) for sample in samples],
        "units": {"requests_per_second": "events/s", "rss_*_mib": "MiB"},
    }
