import asyncio

from execution.joblog import CHUNK_BYTES_MAX, JobLog


class Sent:
    """What arrived, refusing any gap."""

    def __init__(self, stored: str = "") -> None:
        self.stored = stored.encode()
        self.chunks = 0

    @property
    def text(self) -> str:
        return self.stored.decode()

    async def take(self, offset: int, piece: bytes) -> None:
        assert offset == len(self.stored)
        assert piece.decode()
        self.stored += piece
        self.chunks += 1


async def streamed(log: JobLog) -> None:
    log.close()
    await log.stream()


async def test_a_character_cut_in_two_arrives_whole() -> None:
    sent = Sent()
    log = JobLog(sent.take, 0, 1000)

    for byte in "\N{SNOWMAN}a\N{GRINNING FACE}".encode():
        log.emit(bytes([byte]))
    await streamed(log)

    assert sent.text == "\N{SNOWMAN}a\N{GRINNING FACE}"


async def test_bytes_that_are_no_text_are_replaced_never_dropped() -> None:
    sent = Sent()
    log = JobLog(sent.take, 0, 1000)

    log.emit(b"a\xff\0b\xe2\x98")
    await streamed(log)

    assert sent.text == "a\ufffd\ufffdb\ufffd"


async def test_a_second_attempt_continues_the_log_of_the_first() -> None:
    sent = Sent("first \N{SNOWMAN}\n")
    log = JobLog(sent.take, len(sent.stored), 1000)

    log.emit(b"second\n")
    await streamed(log)

    assert sent.text == "first \N{SNOWMAN}\nsecond\n"


async def test_much_output_is_sent_in_chunks_in_order() -> None:
    sent = Sent()
    log = JobLog(sent.take, 0, 10 * CHUNK_BYTES_MAX)
    streaming = asyncio.create_task(log.stream())
    text = "".join(f"{n} \N{SNOWMAN}\n" for n in range(100_000))

    for start in range(0, len(text), 1000):
        log.emit(text[start : start + 1000].encode())
    log.close()
    await streaming

    assert sent.text == text
    assert sent.chunks >= len(sent.stored) // CHUNK_BYTES_MAX >= 2


async def test_the_workers_own_lines_start_at_the_start_of_a_line() -> None:
    sent = Sent()
    log = JobLog(sent.take, 0, 1000)

    log.emit(b"no newline")
    log.say("one")
    log.say("two")
    await streamed(log)

    assert sent.text == "no newline\nmlsploit: one\nmlsploit: two\n"


async def test_a_log_beyond_its_limit_says_so_once_and_still_takes_the_reason() -> None:
    sent = Sent()
    log = JobLog(sent.take, 0, 10)

    for _ in range(5):
        log.emit(b"123456\n")
    log.say("the reason")
    await streamed(log)

    assert sent.text.startswith("123456\n123\nmlsploit: the log was cut here, at 10 bytes;")
    assert sent.text.count("was cut") == 1
    assert sent.text.endswith("mlsploit: the reason\n")
    assert len(sent.text) < 150


async def test_a_log_that_ends_at_its_limit_was_not_cut() -> None:
    sent = Sent()
    log = JobLog(sent.take, 0, 10)

    log.emit(b"123456789\n")
    await streamed(log)

    assert sent.text == "123456789\n"
