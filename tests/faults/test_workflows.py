import pytest

from tests.checks.workflows import workflow_faults
from tests.matrix.renders import Render
from tests.test_effects import schema_faults

CI = ".github/workflows/ci.yml"
UPDATE = ".github/workflows/update.yml"


@pytest.mark.parametrize(
    ("file", "old", "new", "fault"),
    [
        (CI, "@8e8c483db84b4bee98b60c0593521ed34d9990e8", "@v6", "is not pinned to a commit"),
        (CI, "permissions:\n  contents: read\n", "", "the token may do anything"),
        (UPDATE, "update.sh prepare", "update.sh ${{ github.ref }}", "holds an expression"),
    ],
)
def test_unsafe_workflow(file: str, old: str, new: str, fault: str, planted: Render) -> None:
    path = planted.path / file
    assert workflow_faults(path) == []
    path.write_text(path.read_text().replace(old, new))
    assert fault in "".join(workflow_faults(path))


@pytest.mark.parametrize(
    ("schema", "file", "old", "new"),
    [
        ("github-workflows", UPDATE, "runs-on:", "runs_on:"),
        ("renovate", "renovate.json", '"update-lockfile"', '"lock-files"'),
    ],
)
def test_invalid_configuration(schema: str, file: str, old: str, new: str, planted: Render) -> None:
    path = planted.path / file
    assert schema_faults(schema, path) == ""
    path.write_text(path.read_text().replace(old, new))
    assert "rror" in schema_faults(schema, path)
