"""What an operator watches of runs: how much waits, for how long, and what becomes of it.

States are counted when they are committed; what must be asked for is asked every few seconds, so
that a scrape costs nothing.
"""

from prometheus_client import Counter, Gauge, Histogram

# From an offer heard at once to a queue of a day.
CLAIM_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60, 600, 3600, 86400)
DURATION_BUCKETS = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600)

UNFINISHED = Gauge("mlsploit_jobs_unfinished", "Jobs that are not over, by state.", ["status"])
READY = Gauge("mlsploit_jobs_ready", "Jobs that may be claimed and are not.")
READY_AGE = Gauge("mlsploit_jobs_ready_seconds", "How long the oldest of these has been ready.")
LEASES = Gauge("mlsploit_leases", "Leases that are held: jobs that a worker is doing.")
BACKENDS = Gauge("mlsploit_backends", "Execution backends that are present.")
MOVES = Counter("mlsploit_job_moves_total", "Jobs that came into a state.", ["status"])
EXPIRED = Counter("mlsploit_leases_expired_total", "Leases that ended without a report.")
CLAIM = Histogram(
    "mlsploit_job_claim_seconds",
    "From a job's being ready to its claim.",
    buckets=CLAIM_BUCKETS,
)
DURATION = Histogram(
    "mlsploit_job_seconds",
    "From a job's beginning to its end, by how it ended.",
    ["status"],
    buckets=DURATION_BUCKETS,
)
