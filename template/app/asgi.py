"""The application as a module, for `fastapi dev`, `uvicorn app.asgi:app` and debuggers."""

from app.main import create_app

app = create_app()
