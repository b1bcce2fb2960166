from pathlib import Path

from dev.seed import Seeded

NOTED = Seeded(secret="s", has_admin=True, modules={"digits": "commit"})


def test_a_database_file_that_is_gone_is_filled_again(tmp_path: Path) -> None:
    NOTED.write(tmp_path)

    assert Seeded.read(tmp_path, {}) == Seeded()


def test_a_database_on_a_server_is_not_filled_twice(tmp_path: Path) -> None:
    NOTED.write(tmp_path)
    names = ("USERS", "MODULES")
    elsewhere = {f"MLSPLOIT_{n}_DATABASE_URL": "postgresql+asyncpg://db/x" for n in names}

    assert Seeded.read(tmp_path, elsewhere) == NOTED
