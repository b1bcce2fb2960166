"""The entry point: run the function that the job names.

Whatever the person who started the job can mend is said in one sentence, without a stack trace.
"""

import sys

from .errors import JobError
from .functions import FUNCTIONS
from .job import Job


def main() -> None:
    job = Job.from_environment()
    try:
        if job.function not in FUNCTIONS:
            raise JobError(f"there is no such function; the module has {', '.join(FUNCTIONS)}")
        FUNCTIONS[job.function](job)
    except JobError as error:
        sys.exit(f"{job.function}: {error}")
    job.report()


main()
