"""What the kernel does for every list, on this service's own."""

from collections.abc import Awaitable, Callable

import httpx

from services.modules.models import Module
from shared.testing.tokens import Signer

Commit = Callable[..., str]
Register = Callable[..., Awaitable[Module]]
MODULES, FUNCTIONS = "/api/v1/modules/", "/api/v1/functions/"


async def test_modules_and_functions_go_in_pages(
    client: httpx.AsyncClient, signer: Signer, register: Register, commit: Commit
) -> None:
    commit()
    for name in ("one", "two", "three"):
        await register(name)
    for address in (MODULES, FUNCTIONS):
        whole = (await client.get(address, headers=signer.headers())).json()
        first = await client.get(f"{address}?limit=2", headers=signer.headers())
        rest = await client.get(first.links["next"]["url"], headers=signer.headers())
        assert first.json() + rest.json() == whole
        turned = await client.get(f"{address}?ordering=id", headers=signer.headers())
        assert turned.json() == whole[::-1]


async def test_modules_are_found_by_the_day_they_were_registered(
    client: httpx.AsyncClient, signer: Signer, register: Register, commit: Commit
) -> None:
    commit()
    await register()
    for address in (MODULES, FUNCTIONS):
        older = await client.get(f"{address}?created_before=2026-01-01", headers=signer.headers())
        younger = await client.get(f"{address}?created_after=2026-01-01", headers=signer.headers())
        assert (len(older.json()), len(younger.json())) == (0, 1)


async def test_polling_modules_costs_little_until_one_comes(
    client: httpx.AsyncClient, signer: Signer, register: Register, commit: Commit
) -> None:
    tag = (await client.get(MODULES, headers=signer.headers())).headers["etag"]
    polling = {**signer.headers(), "If-None-Match": tag}
    assert (await client.get(MODULES, headers=polling)).status_code == 304
    commit()
    await register()
    assert (await client.get(MODULES, headers=polling)).status_code == 200
