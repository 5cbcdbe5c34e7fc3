"""Waiting for something that must happen: polling, with a bound that only a failure reaches."""

import time

LIVENESS_SECONDS = 120


def wait_for(condition, what, seconds=LIVENESS_SECONDS):
    """Polls until `condition()` is truthy, and returns that value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"after {seconds} s there was still no {what}")
        time.sleep(0.02)
