"""docker-compose.yml and the native configuration say the same, in their two languages."""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from gateway.configuration import GATEWAY, static_configuration
from gateway.portal.routes.system import SERVICE_PREFIXES

ROOT = GATEWAY.parent
# What differs because one run has containers and the other has not; without them the services' logs
# lie in one folder and tell of each request.
OF_THE_RUN = (
    "providers.",
    "accessLog.",
    "entryPoints.web.address",
    "entryPoints.web.forwardedHeaders",
)


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


def routers_by_label() -> dict[str, dict[str, str]]:
    """Router name -> its fields, and the compose service that carries the labels."""
    routers: dict[str, dict[str, str]] = {}
    for service, definition in read("docker-compose.yml")["services"].items():
        for label, value in definition.get("labels", {}).items():
            parts = label.split(".")
            if parts[:3] == ["traefik", "http", "routers"]:
                routers.setdefault(parts[3], {"service": service})[parts[4]] = value
    return routers


def flattened(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from flattened(value, f"{prefix}{key}.")
        else:
            yield prefix + key, str(value).lower() if isinstance(value, bool) else str(value)


def gateway_flags(**settings: str) -> list[str]:
    """The gateway's command line, with what is conditional in it decided as compose does."""
    command = read("docker-compose.yml")["services"]["gateway"]["command"]
    return [flag for flag in (decided(flag, settings) for flag in command) if flag]


def decided(flag: str, settings: dict[str, str]) -> str:
    condition = re.fullmatch(r"\$\{(\w+):\+(.*)\}", flag)
    if condition is None:
        return flag
    if not settings.get(condition[1]):
        return ""
    return re.sub(r"\$\{(\w+)(?::-\w*)?\}", lambda found: settings[found[1]], condition[2])


def without_those_of_the_run(options: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in options.items() if not key.startswith(OF_THE_RUN)}


def test_the_labels_have_the_routes_of_the_native_run() -> None:
    native = {
        name: {
            "service": router["service"],
            "rule": router["rule"],
            "middlewares": ",".join(router.get("middlewares", [])),
            "priority": str(router.get("priority", "")),
            "observability": str(router.get("observability", {}).get("accessLogs", "")).lower(),
        }
        for name, router in read("gateway/routes.yml")["http"]["routers"].items()
    }
    labels = {
        name: {
            # There, a service is asked by way of its failover.
            "service": router["service"].removesuffix("-or-nobody@file"),
            "rule": router["rule"],
            "middlewares": router.get("middlewares", "").replace("@file", ""),
            "priority": router.get("priority", ""),
            "observability": router.get("observability", ""),
        }
        for name, router in routers_by_label().items()
    }

    assert labels == native


def test_the_flags_have_the_options_of_the_native_run() -> None:
    flags = dict(flag.removeprefix("--").split("=", 1) for flag in gateway_flags())
    native = dict(flattened(read("gateway/traefik.yml")))
    [(limit, said)] = [(key, flags[key]) for key in flags if key.endswith(".readTimeout")]
    flags[limit] = said.replace("${MLSPLOIT_GATEWAY_REQUEST_SECONDS_MAX:-86400}", "86400")

    assert without_those_of_the_run(flags) == without_those_of_the_run(native)


def test_the_gateway_traces_only_when_somebody_collects() -> None:
    on = {"MLSPLOIT_OTLP_ENDPOINT": "http://otel:4318", "MLSPLOIT_OTLP_SAMPLED_RATIO": "0.5"}
    said = static_configuration("", otlp_endpoint="http://otel:4318", otlp_sampled_ratio=0.5)
    native = flattened({"tracing": yaml.safe_load(said)["tracing"]})

    assert {flag.removeprefix("--") for flag in gateway_flags(**on)[-4:]} == {
        f"{name}={value}" for name, value in native
    }
    assert not [flag for flag in gateway_flags() if "tracing" in flag]
    assert "tracing" not in yaml.safe_load(static_configuration(""))


def test_both_runs_treat_an_unreachable_service_alike() -> None:
    native = read("gateway/routes.yml")["http"]["middlewares"]
    containers = read("gateway/containers.yml")["http"]["middlewares"]
    containers["unavailable"]["errors"]["service"] = "portal"

    assert containers == native


def test_the_portal_knows_every_prefix_that_belongs_to_a_service() -> None:
    routers = read("gateway/routes.yml")["http"]["routers"]
    rules = [router["rule"] for router in routers.values() if router["service"] != "portal"]
    prefixes = {part.split("`")[1] for rule in rules for part in rule.split("||")}

    assert prefixes == set(SERVICE_PREFIXES)


def test_only_the_gateway_publishes_a_port() -> None:
    services = read("docker-compose.yml")["services"]

    assert [name for name, service in services.items() if "ports" in service] == ["gateway"]


def test_every_service_of_the_compose_file_fails_over_to_the_portal() -> None:
    routers = routers_by_label().values()
    asked = {r["service"].removesuffix("@file") for r in routers if r["service"] != "portal"}
    offered = read("gateway/containers.yml")["http"]["services"]

    assert asked == {name for name in offered if name.endswith("-or-nobody")}
    assert {offered[name]["failover"]["fallback"] for name in asked} == {"portal-by-name"}
