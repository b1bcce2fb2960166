"""`/api/v1/modules/validate/`: what is wrong with a definition, before anybody registers it."""

from fastapi import APIRouter
from starlette.responses import Response

from services.modules import service
from services.modules.dependencies import READER
from services.modules.schemas import DefinitionCheck, DefinitionVerdict
from shared.answers import json_response
from shared.bodies import SubmissionDep, accepts

router = APIRouter(prefix="/api/v1/modules", tags=["modules"])


@router.post(
    "/validate/",
    dependencies=[READER],
    response_model=DefinitionVerdict,
    openapi_extra=accepts(DefinitionCheck),
)
async def validate_definition(submission: SubmissionDep) -> Response:
    """Every fault with its file, line, column and field; nothing is registered."""
    body = submission.into(DefinitionCheck)
    return json_response(await service.judge_definition(body.files()))
