"""Print the operations of the OpenAPI document of the application in the current folder."""

import json
import sys

from app.asgi import app

paths = app.openapi()["paths"]
json.dump([f"{method.upper()} {path}" for path in paths for method in paths[path]], sys.stdout)
