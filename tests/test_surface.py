"""What released versions promised to the code of owners is in the present renders."""

import pytest

from tests.checks.surface import surface_faults, surfaces, wiring_faults
from tests.matrix.environment import Environment
from tests.matrix.renders import Renders
from tests.matrix.rows import PRESETS


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("version", surfaces())
def test_promised_names_are_there(
    version: str, preset: str, renders: Renders, environment: Environment
) -> None:
    render = renders.get({"preset": preset})
    assert surface_faults(render, environment, surfaces()[version]) == []


@pytest.mark.parametrize("preset", PRESETS)
def test_files_of_the_owner_begin_with_promised_names(preset: str, renders: Renders) -> None:
    assert wiring_faults(renders.get({"preset": preset})) == []
