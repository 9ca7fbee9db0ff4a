"""Trust changes nothing: pytest-copie trusts a template, `copier copy` asks to before it does."""

import pytest
from pytest_copie.plugin import Copie

from tests.matrix.renders import Renders
from tests.matrix.rows import PRESETS
from tests.matrix.trees import differences


@pytest.mark.parametrize("preset", PRESETS)
def test_a_trusted_copy_is_the_same(preset: str, copie: Copie, renders: Renders) -> None:
    trusted = copie.copy({"preset": preset}, template_dir=renders.template)
    assert trusted.exit_code == 0, trusted.exception
    assert trusted.project_dir is not None
    assert differences(trusted.project_dir, renders.get({"preset": preset}).path) == []
