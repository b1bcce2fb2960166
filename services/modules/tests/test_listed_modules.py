"""`modules.csv`: what a system registers by itself when it starts."""

from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI

from services.modules import queries
from services.modules.listed import Listed, read_list, register_listed_modules
from services.modules.settings import ModulesSettings
from shared.db import Database
from shared.testing.fixtures import Published

Commit = Callable[..., str]


def test_a_list_may_have_a_heading_comments_and_blank_lines() -> None:
    text = "name,url,branch\n\n# mine\nedge, https://example.org/x.git ,main\nother,u\n,,\n"

    assert read_list(text) == [
        Listed("edge", "https://example.org/x.git", "main"),
        Listed("other", "u", None),
    ]


async def test_listed_modules_are_registered_once_and_bad_lines_hold_up_no_other(
    app: FastAPI, database: Database, published: Published, repository: Path, commit: Commit
) -> None:
    commit()
    settings: ModulesSettings = app.state.settings
    settings.csv_file = settings.data_dir / "modules.csv"
    await register_listed_modules(app)
    settings.csv_file.write_text(
        f"name,url,branch\nbad name,{repository}\ngone,{repository}/gone\n"
        f"wrong,{repository},nothing\nedge,{repository},main\nedge,{repository},main\n"
    )

    await register_listed_modules(app)
    await register_listed_modules(app)

    async with database.reading() as session:
        assert [module.name for module in await queries.list_modules(session)] == ["edge"]
    assert len(await published()) == 1
