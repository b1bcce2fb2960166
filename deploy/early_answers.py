"""Answers that come before the end of their request: the connection is closed a moment later.

The gateway passes such an answer on when it has no more of the body to send. Closed at once, the
connection might take the answer along; kept, the client might send all of a body that nobody reads.
"""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

MOMENT_SECONDS = 0.3


class EarlyAnswers(HttpToolsProtocol):
    """uvicorn's faster protocol; the slower one serves the portal, which takes no bodies."""

    _is_request_whole = True

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_request_whole = False

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._is_request_whole = True

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self._is_request_whole:
            self.loop.call_later(MOMENT_SECONDS, self._close_if_still_sent, self.cycle)

    def _close_if_still_sent(self, answered: RequestResponseCycle) -> None:
        if self.cycle is answered and not self._is_request_whole:
            self.transport.close()
