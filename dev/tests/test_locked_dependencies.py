"""What is installed is what pyproject.toml asks for, pinned with hashes and from anywhere."""

import re
import tomllib

import pytest

from dev.environment import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]


@pytest.mark.parametrize("extra", [name for name in EXTRAS if name != "dev"])
def test_what_a_process_asks_for_is_locked_for_it(extra: str) -> None:
    asked = {normal(text) for text in [*PROJECT["dependencies"], *EXTRAS[extra]]}

    assert asked - locked(extra).keys() == set(), "run `make lock`"


def test_what_anybody_asks_for_is_locked_for_development() -> None:
    everything = [text for texts in EXTRAS.values() for text in texts]
    asked = {normal(text) for text in [*PROJECT["dependencies"], *everything]}

    assert asked - locked("dev").keys() == set(), "run `make lock`"


@pytest.mark.parametrize("extra", [name for name in EXTRAS if name != "dev"])
def test_every_image_gets_the_versions_that_were_tested(extra: str) -> None:
    tested = locked("dev")

    assert {name: v for name, v in locked(extra).items() if tested.get(name) != v} == {}


@pytest.mark.parametrize("extra", [name for name in EXTRAS if name != "dev"])
def test_what_is_installed_for_every_image_is_what_each_asks_for(extra: str) -> None:
    assert locked("common").items() <= locked(extra).items()


@pytest.mark.parametrize("extra", [*EXTRAS, "common"])
def test_a_lock_names_no_place_to_install_from(extra: str) -> None:
    text = (ROOT / "requirements" / f"{extra}.txt").read_text()

    assert not re.search(r"https?://|file://|^-", text, re.MULTILINE)
    assert text.count("==") <= text.count("--hash=")


def locked(extra: str) -> dict[str, str]:
    """Package names and versions in a lock."""
    text = (ROOT / "requirements" / f"{extra}.txt").read_text()
    pins = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", text, re.MULTILINE)
    return {normal(name): version for name, version in pins}


def normal(requirement: str) -> str:
    """The name in a requirement, in the one spelling that counts."""
    name = re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()
