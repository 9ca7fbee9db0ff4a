"""Settings of this project's own, read from variables that start with `PROJECT_`.

The file is yours; template updates never touch it.
"""

from app.core.config.base import SettingsGroup, group_config


class ProjectSettings(SettingsGroup):
    model_config = group_config("PROJECT_")
