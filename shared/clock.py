"""One source of time, so that every timestamp in the system is UTC and aware."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    return datetime.now(UTC)


def shown(moment: datetime) -> datetime | str:
    """For `json_response`, whose encoder writes it as `iso` does, in a fraction of the time."""
    return moment if moment.microsecond else iso(moment)


def iso(moment: datetime) -> str:
    """RFC 3339 in UTC with six digits of microseconds and a `Z`, as every answer shows dates."""
    # Ten times as fast as strftime, and there are thousands of these in a list.
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"
