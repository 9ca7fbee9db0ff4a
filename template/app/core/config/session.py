from typing import Literal

from pydantic import Field

from app.core.config.base import SettingsGroup, group_config


class SessionSettings(SettingsGroup):
    """Sessions in cookies: `SESSION_…`; lifetimes are in seconds.

    `strict` and `lax` keep the cookie from requests of other sites; `none` is for a front end on
    another site, whose origin must then be in `APP_CORS_ORIGINS`.
    """

    model_config = group_config("SESSION_")

    idle_lifetime: int = Field(default=12 * 3600, ge=1)
    absolute_lifetime: int = Field(default=7 * 24 * 3600, ge=1)
    same_site: Literal["strict", "lax", "none"] = "lax"
