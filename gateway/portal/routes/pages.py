"""What people open in a browser: the front page and the API browser; nothing comes from outside."""

from html import escape

from fastapi import APIRouter
from starlette.responses import FileResponse, HTMLResponse, Response

from gateway.portal.swagger import ASSETS, PAGES
from shared.errors import NotFound
from shared.hyperlinks import HyperlinksDep

router = APIRouter(include_in_schema=False)

FRONT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"
DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'"
)
ASSET_SECONDS_KEPT = 3600


@router.get("/")
async def read_front_page(links: HyperlinksDep) -> Response:
    page = (PAGES / "index.html").read_text(encoding="utf-8")
    return _page(page.replace("{{base}}", escape(links.base)), FRONT_POLICY)


@router.get("/docs")
async def read_docs() -> Response:
    return _page((PAGES / "docs.html").read_text(encoding="utf-8"), DOCS_POLICY)


@router.get("/docs/assets/{name}")
async def read_docs_asset(name: str) -> Response:
    if name not in ASSETS:
        raise NotFound
    path, media_type = ASSETS[name]
    headers = {"Cache-Control": f"public, max-age={ASSET_SECONDS_KEPT}"}
    return FileResponse(path, media_type=media_type, headers=headers)


def _page(text: str, policy: str) -> Response:
    headers = {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"}
    return HTMLResponse(text, headers=headers)
