"""Print the variables that the settings of the application in the current folder read."""

import json
import sys

from app.core.config import group_types

groups = group_types().values()
json.dump([group.variable(field) for group in groups for field in group.model_fields], sys.stdout)
