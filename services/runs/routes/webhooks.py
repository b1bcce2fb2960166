"""`/api/v1/webhooks/`: have machines of your own told of your runs and jobs."""

from fastapi import APIRouter
from starlette.responses import Response

from services.runs.dependencies import DeliveryPage, Reader, SettingsDep, WebhookPage, Writer
from services.runs.webhooks import service
from services.runs.webhooks.queries import DELIVERY_ORDERS, WEBHOOK_ORDERS
from services.runs.webhooks.schemas import (
    DeliveryRead,
    NewWebhook,
    WebhookChange,
    WebhookMade,
    WebhookRead,
    WebhookSecret,
)
from shared.answers import created, json_response, no_content
from shared.bodies import SubmissionDep, accepts
from shared.db import DatabaseDep, ReadSessionDep, SessionDep
from shared.hyperlinks import HyperlinksDep, PathId
from shared.openapi import list_parameters

router = APIRouter(prefix="/api/v1/webhooks", tags=["webhooks"])

TOO_MANY = {"description": "You have as many as one may have."}
DISABLED = {"description": "It is disabled; enable it first."}


@router.get(
    "/", response_model=list[WebhookRead], openapi_extra=list_parameters(orders=WEBHOOK_ORDERS)
)
async def list_webhooks(
    caller: Reader, page: WebhookPage, session: ReadSessionDep, links: HyperlinksDep
) -> Response:
    """Your own; never with their secrets."""
    return page.answer(await service.show_webhooks(session, page, caller, links))


@router.post(
    "/",
    status_code=201,
    response_model=WebhookMade,
    responses={409: TOO_MANY},
    openapi_extra=accepts(NewWebhook),
)
async def create_webhook(
    caller: Writer,
    submission: SubmissionDep,
    database: DatabaseDep,
    links: HyperlinksDep,
    settings: SettingsDep,
) -> Response:
    """The answer has the secret that deliveries are signed with; it is not shown again."""
    return created(await service.create_webhook(database, submission, caller, links, settings))


@router.get("/{webhook_id}/", response_model=WebhookRead)
async def read_webhook(
    webhook_id: PathId, caller: Reader, session: ReadSessionDep, links: HyperlinksDep
) -> Response:
    return json_response(await service.show_webhook(session, webhook_id, caller, links))


@router.patch("/{webhook_id}/", response_model=WebhookRead, openapi_extra=accepts(WebhookChange))
async def change_webhook(
    webhook_id: PathId,
    caller: Writer,
    submission: SubmissionDep,
    database: DatabaseDep,
    links: HyperlinksDep,
    settings: SettingsDep,
) -> Response:
    """Enabled again, it gets what has waited meanwhile."""
    return json_response(
        await service.change_webhook(database, webhook_id, submission, caller, links, settings)
    )


@router.delete("/{webhook_id}/", status_code=204)
async def delete_webhook(webhook_id: PathId, caller: Writer, session: SessionDep) -> Response:
    """Its deliveries go too."""
    await service.delete_webhook(session, webhook_id, caller)
    return no_content()


@router.get(
    "/{webhook_id}/deliveries/",
    response_model=list[DeliveryRead],
    openapi_extra=list_parameters(orders=DELIVERY_ORDERS),
)
async def list_deliveries(
    webhook_id: PathId, caller: Reader, page: DeliveryPage, session: ReadSessionDep
) -> Response:
    """What was sent or is to be sent, and what became of it."""
    return page.answer(await service.show_deliveries(session, page, webhook_id, caller))


@router.post(
    "/{webhook_id}/test/",
    status_code=202,
    response_model=DeliveryRead,
    responses={409: DISABLED},
)
async def test_webhook(webhook_id: PathId, caller: Writer, session: SessionDep) -> Response:
    """Send it an event of its own, `runs.webhook.tested.v1`; look at its deliveries then."""
    return json_response(await service.test_webhook(session, webhook_id, caller), status=202)


@router.post("/{webhook_id}/rotate/", response_model=WebhookSecret)
async def rotate_secret(webhook_id: PathId, caller: Writer, session: SessionDep) -> Response:
    """A new secret; for a day deliveries are signed with the one before, too."""
    return json_response(await service.rotate_secret(session, webhook_id, caller))
