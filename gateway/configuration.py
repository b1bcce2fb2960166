"""Fills the few values into traefik.yml that differ from one run to the next.

Traefik takes its static configuration from a file or from the environment, never from both, and
has no templates for it. So one function writes the file; everything else stands in traefik.yml.
Traefik believes X-Forwarded-* from the proxies named here and from nobody else.
"""

from collections.abc import Sequence
from pathlib import Path

import yaml

GATEWAY = Path(__file__).parent
ROUTES = GATEWAY / "routes.yml"


def static_configuration(
    address: str,
    *,
    trusted_proxies: Sequence[str] = (),
    request_seconds_max: int | None = None,
    otlp_endpoint: str = "",
    otlp_sampled_ratio: float = 1.0,
    routes: Path = ROUTES,
) -> str:
    """The text of traefik.yml for this address, such as `127.0.0.1:8000`."""
    configuration = yaml.safe_load((GATEWAY / "traefik.yml").read_text())
    web = configuration["entryPoints"]["web"]
    web["address"] = address
    web["forwardedHeaders"]["trustedIPs"] = list(trusted_proxies)
    if request_seconds_max is not None:
        web["transport"]["respondingTimeouts"]["readTimeout"] = f"{request_seconds_max}s"
    configuration["providers"]["file"]["filename"] = str(routes.resolve())
    if otlp_endpoint:
        configuration["tracing"] = _tracing(otlp_endpoint, otlp_sampled_ratio)
    return yaml.safe_dump(configuration, sort_keys=False)


def _tracing(endpoint: str, sampled_ratio: float) -> dict[str, object]:
    return {
        "serviceName": "gateway",
        "resourceAttributes": {"service.namespace": "mlsploit"},
        "sampleRate": sampled_ratio,
        "otlp": {"http": {"endpoint": f"{endpoint.rstrip('/')}/v1/traces"}},
    }
