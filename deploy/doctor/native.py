"""The doctor of a system that `make run` started: its ports were picked at the start, and noted."""

import os

from deploy.doctor import examination
from deploy.doctor.surroundings import Surroundings


def examine() -> int:
    # No image has these, and no image needs them.
    from dev.environment import running_system_of

    # What the environment says already wins; settings classes read nothing else.
    said = {name: value for name, value in os.environ.items() if value}
    os.environ.update(running_system_of(said) | said)
    return examination.examine(Surroundings.of(os.environ))
