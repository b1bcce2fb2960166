"""What an image asks for is given to the modules that the operator named, and to no other."""

from pathlib import Path
from typing import Any

import pytest

from execution.runners.needs import Need, asked_for, granted, refusals
from execution.runners.sandbox import ROOT, UNPRIVILEGED, container_request
from execution.settings import WorkerSettings


def settings(**options: object) -> WorkerSettings:
    return WorkerSettings.model_validate({"dir": Path("worker"), "token": "t", **options})


def request(*rights: Need, user: str = "", **options: object) -> dict[str, Any]:
    return container_request(settings(**options), [], user, frozenset(rights))


def test_asking_alone_gives_nothing_and_is_answered() -> None:
    asked = asked_for({"mlsploit.needs": "network, gpu root"})

    assert granted("digits", asked, settings()) == frozenset()
    assert list(refusals("digits", asked, settings())) == [
        "the module asks for gpu, which the operator has not granted "
        "(MLSPLOIT_WORKER_DOCKER_GPU_MODULES)",
        "the module asks for network, which the operator has not granted "
        "(MLSPLOIT_WORKER_DOCKER_NETWORK_MODULES)",
        "the module asks for root, which the operator has not granted "
        "(MLSPLOIT_WORKER_DOCKER_ROOT_MODULES)",
    ]


def test_a_grant_alone_gives_nothing_to_who_does_not_ask() -> None:
    assert granted("digits", asked_for({}), settings(docker_network_modules="*")) == frozenset()


def test_a_grant_is_for_the_named_modules_or_for_all() -> None:
    some = settings(docker_network_modules="other, digits", docker_gpu_modules="*")
    asked = asked_for({"mlsploit.needs": "network gpu"})

    assert granted("digits", asked, some) == {"network", "gpu"}
    assert granted("dig", asked, some) == {"gpu"}


def test_an_unknown_need_is_told() -> None:
    asked = asked_for({"mlsploit.needs": "privileged"})

    assert list(refusals("digits", asked, settings())) == [
        "the module asks for 'privileged', which is none of network, gpu, root"
    ]


def test_only_who_is_granted_a_network_is_connected_to_one() -> None:
    assert request()["network_mode"] == "none"
    assert request("network", docker_network="modules")["network_mode"] == "modules"


def test_only_who_is_granted_graphics_processors_gets_them() -> None:
    """As far as it goes where there are none: what the engine is asked for."""
    assert request()["device_requests"] == []
    [device] = request("gpu")["device_requests"]
    assert (device.count, device.capabilities) == (-1, [["gpu"]])


@pytest.mark.parametrize("user", ["", "root", "0", "00", "+0", "0:0", "root:wheel"])
def test_an_image_that_says_root_does_not_run_as_root(user: str) -> None:
    assert request(user=user)["user"] == UNPRIVILEGED
    assert request("root", user=user)["user"] == ROOT


@pytest.mark.parametrize("user", ["1000", "app", "1000:0"])
def test_an_image_with_a_user_of_its_own_keeps_it(user: str) -> None:
    assert request(user=user)["user"] == request("root", user=user)["user"] == user


def test_no_grant_takes_the_other_walls_down() -> None:
    for asked in (request(), request("network", "gpu", "root")):
        assert asked["cap_drop"] == ["ALL"]
        assert asked["security_opt"] == ["no-new-privileges"]
        assert asked["read_only"]
        assert not {"privileged", "cap_add", "volumes", "devices", "pid_mode"} & asked.keys()
