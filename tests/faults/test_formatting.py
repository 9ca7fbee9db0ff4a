from tests.checks.formatting import formatting_faults, lint_faults
from tests.matrix.environment import Environment
from tests.matrix.renders import Render


def test_stray_blank_line(planted: Render, environment: Environment) -> None:
    main = planted.path / "app" / "main.py"
    main.write_text(main.read_text().replace("\n\n\ndef ", "\n\n\n\ndef ", 1))
    faults = formatting_faults(planted, environment)
    assert any("app/main.py" in fault and "would be reformatted" in fault for fault in faults)


def test_unused_import(planted: Render, environment: Environment) -> None:
    asgi = planted.path / "app" / "asgi.py"
    asgi.write_text("import os\n\n" + asgi.read_text())
    faults = lint_faults(planted, environment)
    assert any("app/asgi.py" in fault and "F401" in fault for fault in faults)
