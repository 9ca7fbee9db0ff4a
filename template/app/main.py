"""The application factory; importing it opens no socket and reads no environment."""

from fastapi import FastAPI
from fastapi.routing import APIRoute

from app import middleware
from app.api.dependencies.principal import HEADER
from app.api.docs import install_docs
from app.api.errors import install_handlers
from app.api.v1.router import router
from app.api.v1.routes import health
from app.core.config import Settings, load_settings
from app.core.config.app import TITLE, VERSION
from app.core.logging import configure_logging
from app.lifespan import make_lifespan
from app.middleware.problems import Problems


def create_app(settings: Settings | None = None) -> FastAPI:
    """Make the application; without settings the environment decides, or `SettingsError`."""
    settings = settings or load_settings()
    configure_logging(settings.app)
    problems = Problems(settings.app.problem_type_prefix)
    app = FastAPI(
        title=TITLE,
        version=VERSION,
        openapi_url="/openapi.json" if settings.app.shows_docs else None,
        docs_url=None,
        redoc_url=None,
        lifespan=make_lifespan(settings),
        middleware=middleware.ordered(settings, problems, header=HEADER),
        generate_unique_id_function=_operation_id,
        redirect_slashes=False,
    )
    install_handlers(app, problems)
    app.include_router(health.router)
    app.include_router(router)
    install_docs(app)
    return app


def _operation_id(route: APIRoute) -> str:
    return "_".join([*map(str, route.tags[:1]), route.name])
