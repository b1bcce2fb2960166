"""Hands a module's output from the engine's threads to the worker's loop, no faster than it goes.

The one who reads waits while the loop is behind, then the engine does, then the module: what a
module prints piles up nowhere.
"""

import asyncio
import threading

from execution.runners import Emit

CHUNKS_WAITING_MAX = 64


def into_this_loop(emit: Emit) -> Emit:
    """An `emit` for other threads."""
    loop = asyncio.get_running_loop()
    room = threading.Semaphore(CHUNKS_WAITING_MAX)

    def take(chunk: bytes) -> None:
        try:
            emit(chunk)
        finally:
            room.release()

    def hand_over(chunk: bytes) -> None:
        room.acquire()
        loop.call_soon_threadsafe(take, chunk)

    return hand_over
