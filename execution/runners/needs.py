"""What a module asks for beyond the sandbox, and what its operator grants.

An image asks by its label `mlsploit.needs`; asking alone gives nothing. What is asked and not
granted is said in the job's log, so that nobody wonders why a download fails.
"""

from collections.abc import Iterator, Mapping
from typing import Literal, get_args

from execution.settings import WorkerSettings

LABEL = "mlsploit.needs"

Need = Literal["network", "gpu", "root"]
NEEDS: tuple[Need, ...] = get_args(Need)


def asked_for(labels: Mapping[str, str]) -> list[str]:
    """The label's words: `LABEL mlsploit.needs="network, gpu"`."""
    return sorted(set(labels.get(LABEL, "").replace(",", " ").split()))


def granted(module: str, asked: list[str], settings: WorkerSettings) -> frozenset[Need]:
    return frozenset(
        need for need in NEEDS if need in asked and settings.grants(f"docker_{need}", module)
    )


def refusals(module: str, asked: list[str], settings: WorkerSettings) -> Iterator[str]:
    """A sentence for each thing that it asks for in vain."""
    has = granted(module, asked, settings)
    for word in asked:
        if word not in NEEDS:
            yield f"the module asks for {word[:50]!r}, which is none of {', '.join(NEEDS)}"
        elif word not in has:
            setting = f"MLSPLOIT_WORKER_DOCKER_{word.upper()}_MODULES"
            yield f"the module asks for {word}, which the operator has not granted ({setting})"
