import shutil
from pathlib import Path

from tests.checks.revisions import unguarded_revisions
from tests.matrix.questions import ROOT


def test_revision_that_needs_its_table(tmp_path: Path) -> None:
    versions = tmp_path / "migrations" / "versions"
    shutil.copytree(ROOT / "template" / "migrations" / "versions", versions)
    path = versions / "items" / "items_9001.py"
    guarded = (ROOT / "tests" / "stories" / "later" / path.name).read_text()
    path.write_text(guarded)
    assert unguarded_revisions(tmp_path) == []
    guard = 'sa.inspect(op.get_bind()).has_table("items")'
    path.write_text(guarded.replace(guard, "True", 1))
    assert unguarded_revisions(tmp_path) == [
        "items_9001.py: upgrade doesn't ask whether its table was dropped: has_table()"
    ]
