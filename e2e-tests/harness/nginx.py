"""A real nginx in front of the gateway."""

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

MAIN = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    # The gateway tells the proxy from its other clients by this.
    proxy_bind {proxy};
{server}
}}
"""


@contextmanager
def nginx_in_front_of(gateway: str, folder: Path) -> Iterator[Front]:
    program = find_program("nginx")
    assert program is not None
    port = next(free_ports())
    write_certificate(folder)
    ours = {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "http://127.0.0.1:8000": gateway,
        f"/etc/ssl/{NAME}.pem": f"{folder}/certificate.pem",
        f"/etc/ssl/{NAME}.key": f"{folder}/key.pem",
    }
    configuration = folder / "nginx.conf"
    server = block_of_the_guide("nginx", ours)
    configuration.write_text(MAIN.format(folder=folder, proxy=PROXY, server=server))
    command = [program, "-p", str(folder), "-c", str(configuration)]
    with running(command, port, folder / "nginx.log") as front:
        yield front
