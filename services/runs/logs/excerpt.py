"""What of a log stands in the JSON of its job: all of it, or both ends when it is very long (pure).

Invariant: the logs of one answer have, together, not much more than LOGS_BYTES_MAX.
"""

from collections.abc import Iterable, Sequence

LOG_BYTES_MAX = 8 * 1024 * 1024
LOGS_BYTES_MAX = 16 * 1024 * 1024

Chunks = Sequence[tuple[int, str]]


def fair_share(sizes: Iterable[int | None]) -> int:
    """How much each log may take: what short ones leave over is for the long ones."""
    left = LOGS_BYTES_MAX
    ascending = sorted(size or 0 for size in sizes)
    for number, size in enumerate(ascending):
        share = left // (len(ascending) - number)
        if size > share:
            return min(share, LOG_BYTES_MAX)
        left -= size
    return LOG_BYTES_MAX


def shown(log_bytes: int | None, chunks: Chunks, *, bytes_max: int, url: str) -> str | None:
    """The log as far as it is shown; `chunks` cover at least that."""
    if log_bytes is None:
        return None
    if log_bytes <= bytes_max:
        return "".join(text for _, text in chunks)
    half = bytes_max // 2
    tail_start = log_bytes - half
    head = b"".join(text.encode() for start, text in chunks if start < half)[:half]
    tail = b"".join(text.encode()[max(0, tail_start - start) :] for start, text in chunks)
    left_out = f"\nmlsploit: {log_bytes - 2 * half} bytes are left out here; all is at {url}\n"
    return _whole_characters(head) + left_out + _whole_characters(tail)


def _whole_characters(end_of_log: bytes) -> str:
    """Without what is left of a character that was cut in two."""
    return end_of_log.decode(errors="ignore")
