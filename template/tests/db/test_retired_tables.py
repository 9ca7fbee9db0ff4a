import pytest
from sqlalchemy import Table

from app.db import migrations
from app.db.migrations import MigrationError
from tests.fixtures.migrations import ProjectCopy


def test_a_retired_table_stays_until_it_is_dropped_on_purpose(project: ProjectCopy) -> None:
    database = project.database
    migrations.upgrade(database)
    project.query("CREATE TABLE retired (id int PRIMARY KEY)")
    assert "op.drop_table('retired')" in migrations.check(database)

    (project.root / "migrations" / "retired_tables.json").write_text('["retired"]')
    assert migrations.check(database) == ""
    assert migrations.autogenerate(database, "Nothing") is None
    with pytest.raises(MigrationError, match="users"):
        migrations.autogenerate(database, "Drop users", drop=["users"])

    assert project.run("revision", "Drop retired", "--drop", "retired").exit_code == 0
    assert "retired" in project.tables()
    migrations.upgrade(database)
    assert "retired" not in project.tables()
    assert migrations.check(database) == ""
    migrations.downgrade(database)
    assert "retired" in project.tables()


def test_a_model_may_take_the_name_of_a_retired_table(
    project: ProjectCopy, extra_table: Table
) -> None:
    database = project.database
    migrations.upgrade(database)
    (project.root / "migrations" / "retired_tables.json").write_text(f'["{extra_table.name}"]')

    assert migrations.autogenerate(database, "Make it anew") is not None
    migrations.upgrade(database)
    assert extra_table.name in project.tables()
    assert migrations.check(database) == ""
