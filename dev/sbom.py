"""`make sbom`: what is in each image, as CycloneDX, and the licence of every part of it.

Written from the locks, which say what is installed and by which hashes, and from what the installed
packages say of themselves. Nothing is asked of the network.
"""

import json
import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from dev.environment import ROOT

LOCKS = ROOT / "requirements"
PROCESSES = ("users", "files", "modules", "pipelines", "runs", "portal", "execution")
# What every image has; the locks of the processes say what each adds.
COMMON = "common"
EVERYTHING = "dev"
DESTINATION = ROOT / "sbom"

_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*\])?==(?P<version>[^ ;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_LICENCE = "License :: "
UNKNOWN = "not stated"


def pins(lock: str) -> Iterator[tuple[str, str, list[str]]]:
    """Name, version and hashes of everything in a lock."""
    lines = (LOCKS / f"{lock}.txt").read_text().splitlines()
    current: tuple[str, str, list[str]] | None = None
    for line in lines:
        if match := _PIN.match(line):
            if current is not None:
                yield current
            current = (match["name"], match["version"], [])
        if current is not None:
            current[2].extend(_HASH.findall(line))
    if current is not None:
        yield current


def licence_of(name: str) -> str:
    """In the package's own words; an expression if it has one, else its classifiers."""
    try:
        told = distribution(name)
    except PackageNotFoundError:
        return UNKNOWN
    return _licence(told)


def _licence(told: Distribution) -> str:
    metadata = told.metadata
    if expressions := metadata.get_all("License-Expression"):
        return str(expressions[0])
    classifiers = metadata.get_all("Classifier") or []
    named = [one.rpartition(" :: ")[2] for one in classifiers if one.startswith(_LICENCE)]
    named = [one for one in named if one != "OSI Approved"]
    if named:
        return " AND ".join(sorted(set(named)))
    lines = "\n".join(metadata.get_all("License") or []).strip().splitlines()
    return lines[0][:80] if lines else UNKNOWN


def document(name: str) -> dict[str, Any]:
    """https://cyclonedx.org/docs/1.6/json/"""
    locks = (name,) if name == EVERYTHING else (COMMON, name)
    components = [
        _component(*pin) for pin in {pin[0]: pin for lock in locks for pin in pins(lock)}.values()
    ]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": f"mlsploit-{name}"}},
        "components": sorted(components, key=lambda one: one["name"].lower()),
    }


def _component(name: str, version: str, hashes: list[str]) -> dict[str, Any]:
    purl = f"pkg:pypi/{re.sub(r'[-_.]+', '-', name).lower()}@{version}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "hashes": [{"alg": "SHA-256", "content": digest} for digest in hashes],
        "licenses": [{"license": {"name": licence_of(name)}}],
    }


def written(folder: Path) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = []
    for name in (*PROCESSES, EVERYTHING):
        path = folder / f"{name}.cdx.json"
        path.write_text(json.dumps(document(name), indent=2) + "\n")
        paths.append(path)
    return paths


def main() -> int:
    for path in written(DESTINATION):
        print(path.relative_to(ROOT))
    by_licence: dict[str, list[str]] = {}
    for name, version, _ in pins(EVERYTHING):
        by_licence.setdefault(licence_of(name), []).append(f"{name} {version}")
    for licence, names in sorted(by_licence.items(), key=lambda one: -len(one[1])):
        print(f"\n{licence} ({len(names)})\n  {', '.join(names)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
