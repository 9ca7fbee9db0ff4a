from tests.checks.code import (
    compile_faults,
    dead_code_faults,
    dependency_faults,
    quick_type_faults,
    strict_type_faults,
)
from tests.matrix.environment import Environment
from tests.matrix.renders import Render


def plant(render: Render, text: str) -> None:
    (render.path / "app" / "planted.py").write_text(text)


def only(faults: list[str], *words: str) -> bool:
    """Tell whether there is a fault, and each one that is about `planted.py` has these words."""
    ours = [fault for fault in faults if "planted.py" in fault]
    return bool(ours) and all(word in fault for fault in ours for word in words)


def test_module_that_does_not_compile(planted: Render, environment: Environment) -> None:
    plant(planted, 'pattern = "\\d"\n')
    assert any("planted.py" in fault for fault in compile_faults(planted, environment))


def test_wrong_type(planted: Render, environment: Environment) -> None:
    plant(planted, 'count: int = "one"\n')
    assert only(quick_type_faults(planted, environment), "not assignable")
    assert only(strict_type_faults(planted, environment), "Incompatible types")


def test_missing_type(planted: Render, environment: Environment) -> None:
    plant(planted, "def count(items):\n    return len(items)\n")
    assert only(strict_type_faults(planted, environment), "missing a type annotation")


def test_unused_dependency(planted: Render, environment: Environment) -> None:
    file = planted.path / "pyproject.toml"
    file.write_text(file.read_text().replace("  # web\n", '  # web\n  "httpx2>=2",\n', 1))
    faults = dependency_faults(planted, environment)
    assert any("DEP002 'httpx2'" in fault for fault in faults)


def test_missing_dependency(planted: Render, environment: Environment) -> None:
    plant(planted, "import jinja2\n\nprint(jinja2)\n")
    assert only(dependency_faults(planted, environment), "jinja2")


def test_dead_code(planted: Render) -> None:
    plant(planted, "def run() -> int:\n    return 1\n\n\nclass Unused:\n    count = run\n")
    assert only(dead_code_faults(planted), "unused class 'Unused'")
