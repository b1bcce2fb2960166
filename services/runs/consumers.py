"""What happens here because something happened elsewhere."""

from sqlalchemy.ext.asyncio import AsyncSession

from services.runs import service
from services.runs.webhooks.service import delete_webhooks_of_user
from shared.events.files import FileDeleted
from shared.events.pipelines import PipelineDeleted
from shared.events.users import UserDeleted
from shared.messaging.consumer import AnySubscription, Subscription


async def delete_runs_of_deleted_user(session: AsyncSession, event: UserDeleted) -> None:
    await service.delete_runs_of_user(session, event.user_id)
    await delete_webhooks_of_user(session, event.user_id)


async def delete_runs_of_deleted_pipeline(session: AsyncSession, event: PipelineDeleted) -> None:
    await service.delete_runs_of_pipeline(session, event.pipeline_id)


async def forget_deleted_output(session: AsyncSession, event: FileDeleted) -> None:
    """It went with the run that made it, even if a job of another run lists it."""
    await service.forget_output(session, event.file_id, owner_id=event.owner_id)


SUBSCRIPTIONS: tuple[AnySubscription, ...] = (
    Subscription("delete-runs-of-user", UserDeleted, delete_runs_of_deleted_user),
    Subscription("delete-runs-of-pipeline", PipelineDeleted, delete_runs_of_deleted_pipeline),
    Subscription("forget-deleted-output", FileDeleted, forget_deleted_output),
)
