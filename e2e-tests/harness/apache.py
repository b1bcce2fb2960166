"""A real Apache in front of the gateway, with the modules that our guide names."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dev.ports import free_ports
from harness.fronts import (
    NAME,
    PROXY,
    Front,
    block_of_the_guide,
    find_program,
    running,
    write_certificate,
)

MODULES = Path("/usr/lib/apache2/modules")
# Debian has these in every installation, besides the four of the guide.
BASE = ("mpm_event", "authz_core", "reqtimeout", "socache_shmcb")
OF_THE_GUIDE = ("ssl", "proxy", "proxy_http", "headers")
MAIN = """\
{modules}
ServerRoot {folder}
DefaultRuntimeDir {folder}
PidFile {folder}/apache.pid
ErrorLog /dev/stderr
ServerName localhost
User www-data
Group www-data
Listen 127.0.0.1:{port}
# As Debian has it.
RequestReadTimeout header=20-40,minrate=500
RequestReadTimeout body=10,minrate=500
# The gateway tells the proxy from its other clients by this.
ProxySourceAddress {proxy}
{host}
"""


@contextmanager
def apache_in_front_of(gateway: str, folder: Path) -> Iterator[Front]:
    program = find_program("apache2")
    assert program is not None
    port = next(free_ports())
    write_certificate(folder)
    ours = {
        "*:443": f"127.0.0.1:{port}",
        "http://127.0.0.1:8000": gateway,
        f"/etc/ssl/{NAME}.pem": f"{folder}/certificate.pem",
        f"/etc/ssl/{NAME}.key": f"{folder}/key.pem",
    }
    configuration = folder / "apache.conf"
    loaded = "\n".join(
        f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in (*BASE, *OF_THE_GUIDE)
    )
    host = block_of_the_guide("apache", ours)
    configuration.write_text(
        MAIN.format(modules=loaded, folder=folder, port=port, proxy=PROXY, host=host)
    )
    command = [program, "-D", "FOREGROUND", "-f", str(configuration)]
    with running(command, port, folder / "apache.log") as front:
        yield front
