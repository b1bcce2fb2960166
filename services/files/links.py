"""Links to blobs that need no header: unguessable because signed, and good for some days only.

The end is rounded to whole periods, so a link stays the same for days and a client that polls
sees the same bytes. Whoever has the link has the file until it ends; nothing else does.
"""

import hmac
import re
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from functools import lru_cache

PURPOSE = b"mlsploit media link 1"
SIGNATURE_BYTES = 20
SIGNATURES_KEPT_MAX = 20_000
SECONDS_PER_DAY = 24 * 3600

_LINK = re.compile(r"([1-9][0-9]{0,18})\.([0-9]{1,12})\.([A-Za-z0-9_-]{27})")


class MediaLinks:
    def __init__(self, key: str, *, days: int):
        self._key = hmac.digest(key.encode(), PURPOSE, "sha256")
        self._period_seconds = days * SECONDS_PER_DAY
        # Who polls a list is given the same links for days.
        self._signature = lru_cache(SIGNATURES_KEPT_MAX)(self._signed)

    def signing(self) -> Callable[[int], str]:
        """`<id>.<end>.<signature>` of a file's id; valid for one to two periods from now."""
        end = self.period_ends_at() + self._period_seconds
        return lambda file_id: f"{file_id}.{end}.{self._signature(file_id, end)}"

    def period_ends_at(self) -> int:
        """From then on, `signing` gives other links."""
        return (int(time.time()) // self._period_seconds + 1) * self._period_seconds

    def file_id(self, link: str) -> int | None:
        """The file a link leads to, or None when it is made up or at its end."""
        match = _LINK.fullmatch(link)
        if match is None:
            return None
        file_id, end = int(match[1]), int(match[2])
        is_ours = hmac.compare_digest(match[3], self._signature(file_id, end))
        return file_id if is_ours and end > time.time() else None

    def _signed(self, file_id: int, end: int) -> str:
        digest = hmac.digest(self._key, f"{file_id}.{end}".encode(), "sha256")
        return urlsafe_b64encode(digest[:SIGNATURE_BYTES]).rstrip(b"=").decode()
