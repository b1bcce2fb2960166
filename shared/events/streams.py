"""The streams on which everything travels: part of the language, because others bind to them.

They are made when they are not there; limits that an operator chose stay as they are.
"""

from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

from shared.events.base import SUBJECT_PREFIX
from shared.events.dead_letters import DEAD_LETTERS_PREFIX
from shared.events.runs import JOBS_SUBJECT_PREFIX

EVENTS_STREAM = "MLSPLOIT_EVENTS"
JOBS_STREAM = "MLSPLOIT_JOBS"
DEAD_LETTERS_STREAM = "MLSPLOIT_DEAD_LETTERS"
# A key-value bucket is a stream, too: its keys are subjects.
REVOCATIONS_BUCKET = "mlsploit_revocations"
REVOCATIONS_STREAM = f"KV_{REVOCATIONS_BUCKET}"
REVOCATIONS_PREFIX = f"$KV.{REVOCATIONS_BUCKET}."

EVENTS_AGE_SECONDS_MAX = 30 * 24 * 3600
EVENTS_BYTES_MAX = 2 * 1024**3
DEAD_LETTERS_BYTES_MAX = 1024**3
# A relay that dies between JetStream's acknowledgement and its own note of it sends again when it
# is back: within this time that is no second message. NATS remembers the ids in memory.
DUPLICATE_WINDOW_SECONDS = 30 * 60

STREAMS = (
    StreamConfig(
        name=EVENTS_STREAM,
        subjects=[f"{SUBJECT_PREFIX}>"],
        max_age=EVENTS_AGE_SECONDS_MAX,
        max_bytes=EVENTS_BYTES_MAX,
        duplicate_window=DUPLICATE_WINDOW_SECONDS,
        storage=StorageType.FILE,
    ),
    StreamConfig(
        name=JOBS_STREAM,
        subjects=[f"{JOBS_SUBJECT_PREFIX}*"],
        retention=RetentionPolicy.WORK_QUEUE,
        duplicate_window=DUPLICATE_WINDOW_SECONDS,
        storage=StorageType.FILE,
    ),
    # No age: a letter stays until somebody has dealt with it.
    StreamConfig(
        name=DEAD_LETTERS_STREAM,
        subjects=[f"{DEAD_LETTERS_PREFIX}>"],
        max_bytes=DEAD_LETTERS_BYTES_MAX,
        duplicate_window=DUPLICATE_WINDOW_SECONDS,
        storage=StorageType.FILE,
    ),
    # As nats-py makes a bucket of one value for each key.
    StreamConfig(
        name=REVOCATIONS_STREAM,
        subjects=[f"{REVOCATIONS_PREFIX}>"],
        max_msgs_per_subject=1,
        discard=DiscardPolicy.NEW,
        allow_rollup_hdrs=True,
        allow_msg_ttl=True,
        deny_delete=True,
        duplicate_window=2 * 60,
        storage=StorageType.FILE,
    ),
)
