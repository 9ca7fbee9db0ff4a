"""Where this project's own services meet the template's.

The file is yours; template updates never touch it.
"""

from app.core.events import Listener, LoginStep

AUTH_LISTENERS: tuple[Listener, ...] = ()
LOGIN_STEPS: tuple[LoginStep, ...] = ()
