"""What this process can be told: read from MLSPLOIT_RUNS_*, and the platform's settings."""

from pydantic import PositiveFloat, PositiveInt
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class RunsSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="MLSPLOIT_RUNS_")

    # A backend of the original sends the whole log with every line.
    body_bytes_max: PositiveInt = 64 * 1024 * 1024
    # How long a backend may be silent before its job is given to another.
    lease_seconds: PositiveInt = 30
    # How long a backend counts as present after it said that it is there.
    backend_seconds: PositiveInt = 30
    # How often a job may be begun before it is given up.
    attempts_max: PositiveInt = 3
    # How often expired leases and forgotten jobs are looked for.
    sweep_seconds: PositiveFloat = 2.0
    # A ready job that nobody takes is announced again after this long, then after twice as long.
    announce_again_seconds: PositiveInt = 60
    # How long a backend may let a module work on one job; a module may only ask for less.
    job_seconds_max: PositiveInt = 3600
    # What a backend may take besides (to fetch, build and upload) before its lease is ended.
    job_grace_seconds: PositiveInt = 3600
    # All that the backends of one job may write to its log.
    log_bytes_max: PositiveInt = 64 * 1024 * 1024
    # How long it is kept what administrators did; one whose backend reports does so with every job.
    audit_days: PositiveInt = 365
    # How long the feed of changes is kept: a stream that was away for longer must read anew.
    feed_days: PositiveInt = 7
    # A stream of live updates says that it is alive after so long without news, and ends after so
    # long even with news: clients come back, to another replica if there is one.
    live_heartbeat_seconds: PositiveFloat = 15.0
    live_seconds_max: PositiveInt = 3600
    # How often the positions of all feeds that are followed are looked up, should NATS be away.
    live_look_seconds: PositiveFloat = 3.0
    # Open streams of one process, of all users and of one.
    live_streams_max: PositiveInt = 2000
    live_streams_per_user_max: PositiveInt = 16
    # Webhooks: how many a user may have, and whether they may lead to addresses that are not
    # public, or without encryption.
    webhooks_per_user_max: PositiveInt = 20
    webhook_private_addresses_allowed: bool = False
    webhook_http_allowed: bool = False
    # How long a receiver may take, and how often it is tried: after this long first, then after
    # four times as long, up to half a day.
    webhook_timeout_seconds: PositiveFloat = 10.0
    webhook_attempts_max: PositiveInt = 10
    webhook_retry_seconds: PositiveFloat = 5.0
    # One that has failed at all for so long is disabled.
    webhook_failing_days_max: PositiveInt = 3
    # How long deliveries are shown.
    webhook_log_days: PositiveInt = 30
    # How many are served at a time, and how often those are looked for that are due again.
    webhook_senders: PositiveInt = 8
    webhook_look_seconds: PositiveFloat = 2.0
