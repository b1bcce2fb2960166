"""`make audit`: are there known vulnerabilities in what we install? And what was not asked?

pip-audit asks PyPI and OSV, from an environment of its own. What cannot be reached, or is not known
there, is said: an audit that asked nobody must not look like one that found nothing.
"""

import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from dev.environment import ROOT
from dev.sbom import EVERYTHING, LOCKS, UNKNOWN, licence_of, pins

SOURCES = {"pypi": "PyPI", "osv": "OSV"}
LOCK = LOCKS / "audit.txt"
SECONDS_MAX = 300
NEVER_CHECKED = (
    "Debian packages in the base images, and the images of PostgreSQL, Traefik and NATS",
    "what modules install for themselves",
    "vulnerabilities that nobody has published",
)


@dataclass
class Audit:
    """What was found, and what could not be asked."""

    found: list[str] = field(default_factory=list)
    unasked: list[str] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)


def main() -> int:
    audit = Audit()
    check_locks(audit)
    try:
        program = _auditor()
    except (subprocess.SubprocessError, OSError) as error:
        audit.unasked.append(f"known vulnerabilities: pip-audit cannot be installed ({error})")
    else:
        for source in SOURCES:
            ask(audit, program, source)
    audit.unasked.extend(NEVER_CHECKED)
    print("\n".join(report(audit)))
    return 1 if audit.found else 0


def check_locks(audit: Audit) -> None:
    """Needs nobody: everything is pinned by hash, installed as pinned, and has a licence."""
    everything = list(pins(EVERYTHING))
    for name, pinned, hashes in everything:
        if not hashes:
            audit.found.append(f"{name} {pinned} is pinned without a hash")
        try:
            installed = version(name)
        except PackageNotFoundError:
            continue  # For another platform.
        if installed != pinned:
            audit.found.append(f"{name} {installed} is installed, {pinned} is pinned")
    unlicensed = [name for name, _, _ in everything if licence_of(name) == UNKNOWN]
    if unlicensed:
        audit.unasked.append(f"the licences of {', '.join(sorted(unlicensed))}: they state none")
    audit.checked.append(f"{len(everything)} packages are installed as pinned, each by its hash")


def _auditor() -> Path:
    folder = Path(sys.prefix) / "audit"
    program = folder / "bin" / "pip-audit"
    if not program.exists():
        venv.create(folder, with_pip=True)
        pip = str(folder / "bin" / "pip")
        install = [pip, "install", "--quiet", "--require-hashes", "-r", str(LOCK)]
        subprocess.run(install, check=True, timeout=SECONDS_MAX)
    return program


def ask(audit: Audit, program: Path, source: str) -> None:
    with tempfile.NamedTemporaryFile(suffix=".json") as answer:
        command = [
            *(str(program), "--disable-pip", "--require-hashes", "--progress-spinner", "off"),
            *("--requirement", str(LOCKS / f"{EVERYTHING}.txt"), "--format", "json"),
            *("--vulnerability-service", source, "--output", answer.name),
        ]
        try:
            subprocess.run(command, cwd=ROOT, timeout=SECONDS_MAX, capture_output=True, check=False)
            told = json.loads(Path(answer.name).read_text())["dependencies"]
        except (subprocess.SubprocessError, ValueError, KeyError):
            audit.unasked.append(f"{SOURCES[source]}: it could not be reached")
            return
    judge(audit, SOURCES[source], told)


def judge(audit: Audit, source: str, told: list[dict[str, object]]) -> None:
    skipped = [str(one["name"]) for one in told if "skip_reason" in one]
    if skipped:
        audit.unasked.append(f"{source} does not know {len(skipped)} of {len(told)} packages")
    asked = [one for one in told if "skip_reason" not in one]
    if asked:
        audit.checked.append(f"{source} knows {len(asked)} of {len(told)} packages")
    for one in asked:
        vulns = one["vulns"]
        assert isinstance(vulns, list)
        for each in vulns:
            audit.found.append(f"{one['name']} {one['version']}: {each['id']} ({source})")


def report(audit: Audit) -> Iterator[str]:
    for title, lines in (
        ("Checked", audit.checked),
        ("NOT checked", audit.unasked),
        ("Found", audit.found or ["nothing, in what was checked"]),
    ):
        yield f"{title}:"
        yield from (f"  - {line}" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
