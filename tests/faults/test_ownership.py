from pathlib import Path

from tests.checks.ownership import anchor_faults, ownership_faults
from tests.matrix.renders import Render


def test_glob_without_anchor() -> None:
    assert anchor_faults({"oauth": ("*oauth*", "/app/oauth", "**/oauth.py")}) == [
        "oauth: *oauth* is not anchored; begin it with / or **/"
    ]


def test_file_of_two_features(tmp_path: Path) -> None:
    (tmp_path / "email").mkdir()
    (tmp_path / "email" / "tasks.py").write_text("count = 1\n")
    globs = {"email": ("/email",), "tasks": ("**/tasks.py",)}
    assert ownership_faults(globs, Render(tmp_path, {})) == [
        "email/tasks.py belongs to email and to tasks"
    ]


def test_glob_of_nothing(tmp_path: Path) -> None:
    assert ownership_faults({"cache": ("/app/cache",)}, Render(tmp_path, {})) == [
        "cache: /app/cache matches no file"
    ]


def test_file_of_a_part_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "oauth").mkdir()
    (tmp_path / "oauth" / "google.py").write_text("count = 1\n")
    globs = {"oauth": ("/oauth",), "oauth_google": ("**/google.py",)}
    assert ownership_faults(globs, Render(tmp_path, {})) == []
