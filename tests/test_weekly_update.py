"""The weekly job of a project opens a pull request, and says what is left to do."""

import re
from pathlib import Path

import pytest

from tests.matrix.environment import Environment
from tests.matrix.git import commit_all, git
from tests.matrix.releases import NOW, Releases, releases
from tests.matrix.weekly import BRANCH, Job, weekly_job, weekly_job_of

README = "template/README.md"
NEXT = {README: "# Service\n\nsecond\n\nlast\n"}
WORKFLOWS = {"template/.github/workflows/ci.yml": "on: pull_request\n"}


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return weekly_job(tmp_path)


def test_new_version(job: Job) -> None:
    job.release("0.2.0", NEXT)
    job.run_both()
    assert "second" in job.proposed("README.md")
    assert "_commit: 0.2.0" in job.proposed(".copier-answers.yml")
    [create] = job.calls
    assert create[:2] == ["pr", "create"]
    assert create[create.index("--title") + 1] == "Update from the template: 0.1.0 to 0.2.0"
    assert create[create.index("--base") + 1] == "main"
    assert "--draft" not in create
    assert f"CHANGELOG.md of git+file://{job.folder}/template" in job.state["body"]
    assert (job.folder / "runner" / "made").read_text() == "setup check test\n"


def test_nothing_new(job: Job) -> None:
    result = job.run("prepare")
    assert (result.returncode, "newest version, 0.1.0" in result.stdout) == (0, True)
    assert not (job.folder / "runner" / "output").exists()


def test_template_on_a_machine(job: Job) -> None:
    answers = git(job.origin, "show", "main:.copier-answers.yml")
    job.change({".copier-answers.yml": answers.replace("git+file://", "")})
    job.release("0.2.0", NEXT)
    result = job.run("prepare")
    assert (result.returncode, "::notice::The template lies" in result.stdout) == (0, True)
    assert not (job.folder / "runner" / "output").exists()


def test_refusal(job: Job) -> None:
    job.release("0.2.0", NEXT)
    result = job.run("prepare", REFUSE="1")
    assert (result.returncode, "::error::The update was refused" in result.stdout) == (1, True)
    assert "was edited" in result.stderr
    assert not (job.folder / "runner" / "output").exists()


def test_conflict_makes_a_draft(job: Job) -> None:
    job.change({"README.md": "# Service\n\nours\n\nlast\n"})
    job.release("0.2.0", NEXT)
    job.run_both()
    assert "<<<<<<<" in job.proposed("README.md")
    assert "--draft" in job.calls[0]
    assert "- `README.md`" in job.state["body"]


def test_failure_makes_a_draft(job: Job) -> None:
    job.release("0.2.0", NEXT)
    job.run_both(MAKE_STATUS="2")
    assert "--draft" in job.calls[0]
    assert "fail**: https://github.com/ada/api/actions/runs/7" in job.state["body"]


def test_drafts_are_not_everywhere(job: Job) -> None:
    job.release("0.2.0", NEXT)
    job.set(refuses="--draft")
    job.run_both(MAKE_STATUS="2")
    assert ["--draft" in call for call in job.calls] == [True, False]


def test_pull_request_is_refreshed(job: Job) -> None:
    job.release("0.2.0", NEXT)
    job.run_both(MAKE_STATUS="2")
    job.release("0.3.0", {"template/more.txt": "more\n"})
    job.change({"ours.txt": "ours\n"})
    job.set(calls=[], pulls=[{"number": 4, "isCrossRepository": False}])
    job.run_both()
    assert job.proposed("more.txt") == "more\n"
    assert job.proposed("ours.txt") == "ours\n"
    assert git(job.origin, "rev-list", "--count", f"main..{BRANCH}") == "1\n"
    edit, ready = job.calls
    assert edit[:5] == ["pr", "edit", "4", "--title", "Update from the template: 0.1.0 to 0.3.0"]
    assert ready == ["pr", "ready", "4"]
    job.set(calls=[])
    job.run_both(MAKE_STATUS="2")
    assert job.calls[1] == ["pr", "ready", "4", "--undo"]


def test_pull_request_of_a_fork_is_left_alone(job: Job) -> None:
    job.release("0.2.0", NEXT)
    job.set(pulls=[{"number": 4, "isCrossRepository": True}])
    job.run_both()
    assert [call[:2] for call in job.calls] == [["pr", "create"]]


def test_work_on_the_branch_stays(job: Job) -> None:
    job.release("0.2.0", NEXT)
    job.run_both()
    job.change({"README.md": "# Resolved\n"}, branch=BRANCH)
    job.release("0.3.0", {"template/more.txt": "more\n"})
    job.set(calls=[])
    assert "::notice::Somebody has worked" in job.run_both()
    assert job.proposed("README.md") == "# Resolved\n"
    assert job.calls == []


def test_workflows_are_set_aside(job: Job) -> None:
    job.release("0.2.0", NEXT | WORKFLOWS | {"template/.github/workflows/more.yml": "on: push\n"})
    job.run_both()
    assert job.proposed(".github/workflows/ci.yml") == "on: push\n"
    assert "--draft" in job.calls[0]
    clone = job.folder / "clone"
    git(job.folder, "clone", "--quiet", "--branch", BRANCH, str(job.origin), str(clone))
    for line in job.state["body"].splitlines():
        if line.startswith("    git "):
            for command in line.replace("&& git push", "").split(" && "):
                git(clone, *command.replace('"Update the workflows"', "Update").split()[1:])
    assert (clone / ".github" / "workflows" / "ci.yml").read_text() == "on: pull_request\n"
    assert (clone / ".github" / "workflows" / "more.yml").exists()
    assert not (clone / "workflows.patch").exists()
    assert git(clone, "status", "--porcelain") == ""


def test_token_of_ones_own_may_change_workflows(job: Job) -> None:
    job.release("0.2.0", NEXT | WORKFLOWS)
    job.run_both(status=1, MAY_CHANGE_WORKFLOWS="true")
    (job.origin / "hooks" / "pre-receive").unlink()
    job.run_both(MAY_CHANGE_WORKFLOWS="true")
    assert job.proposed(".github/workflows/ci.yml") == "on: pull_request\n"
    assert "--draft" not in job.calls[0]


def test_pull_requests_have_to_be_allowed(job: Job) -> None:
    job.release("0.2.0", NEXT)
    job.set(refuses="pr create")
    assert "::error::The branch template-update is there" in job.run_both(status=1)
    assert "second" in job.proposed("README.md")


def test_nothing_in_a_name_is_run(job: Job) -> None:
    name = "$(touch gone)`touch gone`.md"
    job.change({name: "ours\n"})
    job.release("0.2.0", {f"template/{name}": "theirs\n"})
    job.run_both()
    assert name in job.state["body"]
    assert not list(job.folder.rglob("gone"))


def test_a_project_of_the_first_version(
    released: Releases, environment: Environment, tmp_path: Path
) -> None:
    first = releases()[0].version
    project = released.project(first, {"preset": "starter"}, tmp_path / "project")
    record = project / ".copier-answers.yml"
    source = f"_src_path: git+file://{released.repository}"
    record.write_text(re.sub("_src_path: .*", source, record.read_text()))
    commit_all(project, "Follow what others can reach")
    (tmp_path / "job").mkdir()
    python = environment.path / "bin" / "python"
    job = weekly_job_of(project, tmp_path / "job", python=python)
    job.run_both()
    assert f"_commit: {NOW}" in job.proposed(".copier-answers.yml")
    title = f"Update from the template: {first} to {NOW}"
    assert job.calls[0][job.calls[0].index("--title") + 1] == title
