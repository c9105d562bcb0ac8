"""Times as instruments write them, turned into seconds since 1970-01-01 UTC."""

from __future__ import annotations

from datetime import datetime


def seconds_of(stamp: str | None) -> float | None:
    """Turn an ISO 8601 time into seconds since 1970-01-01 UTC; None when it is absent or cannot be understood."""
    if not stamp:
        return None
    try:
        return datetime.fromisoformat(stamp).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
