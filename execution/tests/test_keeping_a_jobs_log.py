import asyncio

from execution.joblog import CHUNK_CHARACTERS_MAX, JobLog


class Sent:
    """What arrived, refusing any gap."""

    def __init__(self, stored: str = "") -> None:
        self.stored = stored.encode()
        self.chunks = 0

    @property
    def text(self) -> str:
        return self.stored.decode()

    async def take(self, offset: int, text: str) -> None:
        assert offset == len(self.stored)
        self.stored += text.encode()
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
    log = JobLog(sent.take, 0, 10 * CHUNK_CHARACTERS_MAX)
    streaming = asyncio.create_task(log.stream())
    text = "".join(f"{n}\n" for n in range(20_000))

    for start in range(0, len(text), 1000):
        log.emit(text[start : start + 1000].encode())
    log.close()
    await streaming

    assert sent.text == text
    assert sent.chunks >= len(text) // CHUNK_CHARACTERS_MAX


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

    assert sent.text.count("limit is reached") == 1
    assert sent.text.endswith("mlsploit: the reason\n")
    assert len(sent.text) < 150
