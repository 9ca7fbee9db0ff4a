"""The weekly job of a project, with real repositories, a real Copier and the real script.

`gh` is a stand-in that records what it is asked, since no server of GitHub's can be run here. So
is `make`, whose targets have tests of their own. In the project of one file, which most tests use,
`app update` is one too, and runs Copier alone.
"""

import json
import os
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

from copier import run_copy

from tests.matrix.git import IDENTITY, commit_all, git
from tests.matrix.questions import ROOT

APP = """
    #!{python}
    import os, subprocess, sys
    assert sys.argv[1:] == ["update", "--no-setup"]
    if os.environ.get("REFUSE"):
        sys.exit("README.md was edited, and would be removed.")
    command = ["-m", "copier", "update", "--quiet", "--defaults", "--trust"]
    sys.exit(subprocess.run([sys.executable, *command]).returncode)
"""
OWN_APP = """
    #!{python}
    import os, sys
    sys.path.insert(0, os.getcwd())
    from app.cli import main
    main()
"""
MAKE = """
    #!/bin/sh
    echo "$@" >> "$RUNNER_TEMP/made"
    exit ${{MAKE_STATUS:-0}}
"""
GH = """
    #!{python}
    import json, os, pathlib, sys
    import jq
    state = pathlib.Path(os.environ["GH_STATE"])
    known = json.loads(state.read_text())
    given = sys.argv[1:]
    known["calls"].append(given)
    if given[:2] == ["pr", "list"]:
        print(*jq.compile(given[-1]).input_value(known["pulls"]).all(), sep="\\n")
    refused = known["refuses"] and known["refuses"] in " ".join(given)
    if "--body-file" in given and not refused:
        known["body"] = pathlib.Path(given[given.index("--body-file") + 1]).read_text()
    state.write_text(json.dumps(known))
    sys.exit("refused" if refused else 0)
"""
HOOK = """
    #!/bin/sh
    while read old new name; do
        base=$(git merge-base main "$new")
        git diff --quiet "$base" "$new" -- .github/workflows || {{
            echo "refusing to allow a GitHub App to create or update workflow" >&2; exit 1; }}
    done
"""
ANSWERS = "{{ _copier_conf.answers_file }}.jinja"
FILES = {
    "copier.yml": "_subdirectory: template\nname: api\n",
    f"template/{ANSWERS}": "{{ _copier_answers|to_nice_yaml }}",
    "template/README.md": "# Service\n\nfirst\n\nlast\n",
    "template/.github/workflows/ci.yml": "on: push\n",
}
BRANCH = "template-update"


def write_script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text.format(python=sys.executable)).lstrip())
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@dataclass(frozen=True)
class Job:
    folder: Path
    environment: dict[str, str]
    app: str = APP

    @property
    def origin(self) -> Path:
        return self.folder / "origin.git"

    @property
    def calls(self) -> list[list[str]]:
        """Return what `gh` was asked for, but for the lists of pull requests."""
        return [call for call in self.state["calls"] if call[:2] != ["pr", "list"]]

    @property
    def state(self) -> dict[str, Any]:
        """Return what the stand-in of `gh` knows."""
        state: dict[str, Any] = json.loads((self.folder / "gh.json").read_text())
        return state

    def set(self, **values: object) -> None:
        (self.folder / "gh.json").write_text(json.dumps({**self.state, **values}))

    def release(self, version: str, files: dict[str, str]) -> None:
        """Publish a version of the template."""
        template = self.folder / "template"
        for name, text in files.items():
            (template / name).parent.mkdir(parents=True, exist_ok=True)
            (template / name).write_text(text)
        commit_all(template, version)
        git(template, "tag", version)

    def change(self, files: dict[str, str], *, branch: str = "main") -> None:
        """Push a change of the owner's."""
        clone = self.folder / "owner"
        shutil.rmtree(clone, ignore_errors=True)
        git(self.folder, "clone", "--quiet", "--branch", branch, str(self.origin), str(clone))
        for name, text in files.items():
            (clone / name).write_text(text)
        commit_all(clone, "Change something")
        git(clone, "push", "--quiet", "origin", branch)

    def run(self, half: str, **variables: str) -> subprocess.CompletedProcess[str]:
        clone = self.folder / half
        shutil.rmtree(clone, ignore_errors=True)
        git(self.folder, "clone", "--quiet", "--depth=1", f"file://{self.origin}", str(clone))
        write_script(clone / ".venv" / "bin" / "app", self.app)
        return subprocess.run(
            ["bash", ".github/update.sh", half],
            cwd=clone,
            env={**self.environment, **variables},
            check=False,
            capture_output=True,
            text=True,
        )

    def run_both(self, *, status: int = 0, **variables: str) -> str:
        """Run the halves as the workflow does; return what was said."""
        shutil.rmtree(self.folder / "runner", ignore_errors=True)
        (self.folder / "runner").mkdir()
        prepared = self.run("prepare", **variables)
        assert prepared.returncode == 0, prepared.stdout + prepared.stderr
        assert (self.folder / "runner" / "output").read_text() == "changed=true\n"
        published = self.run("publish", **variables)
        assert published.returncode == status, published.stdout + published.stderr
        return prepared.stdout + published.stdout

    def proposed(self, name: str) -> str:
        return git(self.origin, "show", f"{BRANCH}:{name}")


def weekly_job(folder: Path) -> Job:
    """Make a project of one file, at version 0.1.0 of a template, whose `main` GitHub holds."""
    template, project = folder / "template", folder / "project"
    git(folder, "init", "--quiet", "--initial-branch=main", str(template))
    job = Job(folder, _environment(folder))
    script = (ROOT / "template" / ".github" / "update.sh").read_text()
    ignored = {"template/.github/update.sh": script, "template/.gitignore": ".venv/\n"}
    job.release("0.1.0", {**FILES, **ignored})
    # As a URL, since a plain path is somebody's machine.
    run_copy(f"git+file://{template}", project, defaults=True, quiet=True)
    git(project, "init", "--quiet")
    commit_all(project, "Start")
    _host(job, project)
    return job


def weekly_job_of(project: Path, folder: Path, *, python: Path) -> Job:
    """Let GitHub hold a project, whose own `app` runs with this Python."""
    job = Job(folder, _environment(folder), OWN_APP.replace("{python}", str(python)))
    _host(job, project)
    return job


def _host(job: Job, project: Path) -> None:
    git(project, "branch", "--move", "main")
    git(job.folder, "clone", "--quiet", "--bare", str(project), str(job.origin))
    write_script(job.origin / "hooks" / "pre-receive", HOOK)


def _environment(folder: Path) -> dict[str, str]:
    """Put the stand-ins into a folder, and return the variables of a job that finds them."""
    bin_, state = folder / "bin", folder / "gh.json"
    write_script(bin_ / "gh", GH)
    write_script(bin_ / "make", MAKE)
    state.write_text(json.dumps({"calls": [], "pulls": [], "refuses": None, "body": ""}))
    (folder / "runner").mkdir()
    return {
        **os.environ,
        **IDENTITY,
        "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}",
        "GH_STATE": str(state),
        "GITHUB_OUTPUT": str(folder / "runner" / "output"),
        "GITHUB_REF_NAME": "main",
        "GITHUB_REPOSITORY": "ada/api",
        "GITHUB_RUN_ID": "7",
        "GITHUB_SERVER_URL": "https://github.com",
        "RUNNER_TEMP": str(folder / "runner"),
    }
