from pathlib import Path

from tests.checks.budgets import (
    FILES,
    file_count_faults,
    ignore_faults,
    length_faults,
    proportion_faults,
)
from tests.matrix.renders import Render


def test_too_many_files(tmp_path: Path) -> None:
    most = FILES["minimal"]
    for number in range(most):
        (tmp_path / f"file{number}.txt").touch()
    assert file_count_faults(Render(tmp_path, {}), "minimal") == []
    (tmp_path / "another.txt").touch()
    assert file_count_faults(Render(tmp_path, {}), "minimal") == [
        f"minimal has {most + 1} files, {most} at most"
    ]


def test_oversized_file(tmp_path: Path) -> None:
    (tmp_path / "large.py").write_text("count = 1\n" * 301)
    assert length_faults(Render(tmp_path, {})) == ["large.py has 301 lines, 300 at most"]


def test_oversized_main(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "main.py").write_text("count = 1\n" * 51)
    assert length_faults(Render(tmp_path, {})) == ["app/main.py has 51 lines, 50 at most"]


def test_oversized_function(tmp_path: Path) -> None:
    body = "    count = 1\n" * 50
    (tmp_path / "long.py").write_text(f"async def run() -> None:\n{body}")
    assert length_faults(Render(tmp_path, {})) == ["long.py: run has 51 lines, 50 at most"]


def test_oversized_on_the_whole(tmp_path: Path) -> None:
    function = "def run() -> None:\n" + "    count = 1\n" * 11
    for number in range(20):
        (tmp_path / f"module{number}.py").write_text(function * 18)
    assert proportion_faults(Render(tmp_path, {})) == [
        "the median file has 216.0 lines, 60 at most",
        "one file in ten has over 216.0 lines, 200 at most",
        "the median function has 12.0 lines, 10 at most",
    ]


def test_silenced_type_errors(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(
        "a = 1  # type: ignore\n"
        "b = 1  # type: ignore[misc]\n"
        "c = 1  # type: ignore[misc]  # the stubs are wrong\n" * 2
    )
    silent = "main.py silences a type error without its code and a reason"
    assert ignore_faults(Render(tmp_path, {})) == [
        *[silent] * 4,
        "6 type errors are silenced, 3 at most",
    ]
