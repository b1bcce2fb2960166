"""What happens here because something happened elsewhere."""

from sqlalchemy.ext.asyncio import AsyncSession

from services.files import queries, references, service
from services.files.models import DepartedOwner
from shared.db import lock_name
from shared.events.runs import RunCreated, RunDeleted
from shared.events.users import UserDeleted
from shared.messaging.consumer import AnySubscription, Subscription

# What is held keeps its files for minutes unconfirmed, so there is no hurry.
CONFIRM_REST_SECONDS = 0.25


async def delete_files_of_deleted_user(session: AsyncSession, event: UserDeleted) -> None:
    """Also keeps out what they are just uploading. Safe to repeat: nothing is left to delete."""
    # After whoever is just storing a file for them, so that it is seen below.
    await lock_name(session, f"owner {event.user_id}", is_alone=True)
    await session.merge(DepartedOwner(owner_id=event.user_id))
    await service.delete_files(session, await queries.lock_files_of_owner(session, event.user_id))


async def confirm_what_a_run_holds(session: AsyncSession, event: RunCreated) -> None:
    await references.confirm_holder(session, event.holder)


async def release_what_a_run_held(session: AsyncSession, event: RunDeleted) -> None:
    await references.release_holder(session, event.holder, output_file_ids=event.output_file_ids)


SUBSCRIPTIONS: tuple[AnySubscription, ...] = (
    Subscription("delete-files-of-deleted-user", UserDeleted, delete_files_of_deleted_user),
    Subscription(
        "confirm-what-a-run-holds", RunCreated, confirm_what_a_run_holds, CONFIRM_REST_SECONDS
    ),
    Subscription("release-what-a-run-held", RunDeleted, release_what_a_run_held),
)
