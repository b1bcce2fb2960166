"""Which place for blobs the settings name."""

from services.files.settings import FilesSettings
from services.files.storage.interface import BlobStore
from services.files.storage.local import LocalStore


def store_of(settings: FilesSettings) -> BlobStore:
    """Still closed."""
    if not settings.storage_url:
        return LocalStore(settings.storage())
    # Only here: most systems need none of what it brings along.
    from services.files.storage.s3 import S3Store

    return S3Store(settings)
