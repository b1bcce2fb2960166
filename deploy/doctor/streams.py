"""Does NATS answer, and does it keep the streams as everybody counts on?"""

import asyncio
from collections.abc import Iterator

import nats
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import PeerInfo, RetentionPolicy, StreamConfig, StreamInfo
from nats.js.errors import APIError, NotFoundError

from deploy.doctor.verdicts import Verdict, fault, ok, warning
from shared.events.streams import STREAMS
from shared.messaging.broker import address_of

CONNECT_SECONDS_MAX = 5
TRY_AGAIN_SECONDS = 0.5
ANSWER_SECONDS_MAX = 5.0
# Whoever changed one of these on purpose has made it something else.
NATURE = ("subjects", "retention", "storage")
LIMITS = ("max_age", "max_bytes", "duplicate_window")


def check_streams(url: str, replicas: int) -> list[Verdict]:
    """One for each stream, or one for NATS when it does not answer."""
    return asyncio.run(_check(url, replicas))


async def _check(url: str, replicas: int) -> list[Verdict]:
    try:
        client = await nats.connect(
            **address_of(url),
            allow_reconnect=False,
            # Without these the first connection is tried for two minutes.
            max_reconnect_attempts=1,
            reconnect_time_wait=TRY_AGAIN_SECONDS,
            connect_timeout=CONNECT_SECONDS_MAX,
            error_cb=_keep_quiet,
        )
    except (NatsError, OSError, TimeoutError) as error:
        remedy = "Start NATS, or correct MLSPLOIT_NATS_URL; requests work, events and jobs wait."
        return [fault("NATS", f"does not let us in ({error or type(error).__name__})", remedy)]
    try:
        jetstream = client.jetstream(timeout=ANSWER_SECONDS_MAX)
        return [await _check_stream(jetstream, one, replicas) for one in STREAMS]
    finally:
        await client.close()


async def _check_stream(
    jetstream: JetStreamContext, wanted: StreamConfig, replicas: int
) -> Verdict:
    about = f"stream {wanted.name}"
    try:
        info = await jetstream.stream_info(wanted.name or "")
    except NotFoundError:
        return fault(about, "is missing", "Restart a service: each makes what is not there.")
    except (NatsError, APIError, OSError, TimeoutError) as error:
        said = f"cannot be asked for ({error or type(error).__name__})"
        return fault(about, said, "JetStream must be on, and have a leader: look at NATS' own log.")
    return _judge(about, wanted, info, replicas)


def _judge(about: str, wanted: StreamConfig, info: StreamInfo, replicas: int) -> Verdict:
    wrong = list(_differences(NATURE, wanted, info.config))
    if wrong:
        remedy = (
            "Services cannot work with it: `nats stream edit` it, or remove it and restart them."
        )
        return fault(about, "; ".join(wrong), remedy)
    if away := [one.name for one in _replicas(info) if one.offline]:
        return warning(
            about, f"{', '.join(map(str, away))} is away", "Bring that NATS server back."
        )
    kept = info.config.num_replicas or 1
    if kept != replicas:
        remedy = "`spreadstreams` makes it so (docs/how-to/scale-out.md), or correct the setting."
        return warning(about, f"has {kept} replicas; MLSPLOIT_NATS_REPLICAS is {replicas}", remedy)
    if other := list(_differences(LIMITS, wanted, info.config)):
        remedy = "Fine if you chose so; otherwise `nats stream edit` it."
        return warning(about, "; ".join(other), remedy)
    return ok(about, f"{info.state.messages} messages, {info.state.bytes} bytes, {kept} replica(s)")


def _replicas(info: StreamInfo) -> list[PeerInfo]:
    return list(info.cluster.replicas or []) if info.cluster else []


def _differences(
    names: tuple[str, ...], wanted: StreamConfig, found: StreamConfig
) -> Iterator[str]:
    for name in names:
        mine, theirs = getattr(wanted, name), getattr(found, name)
        if name == "retention":
            mine = mine or RetentionPolicy.LIMITS
        # What is not asked for is without a limit, which NATS spells in two ways.
        if mine != theirs and not (mine in (None, 0, -1) and theirs in (None, 0, -1)):
            yield f"{name} is {theirs}, not {mine}"


async def _keep_quiet(_error: Exception) -> None:
    """What fails is said by the verdict, in a sentence."""
