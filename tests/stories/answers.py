"""The answers between which the stories switch."""

from tests.matrix.questions import Answers

# Every feature that has tables, and none.
ON: Answers = {"auth": "jwt", "features": ["audit_log", "items"]}
OFF: Answers = {"auth": "session", "features": []}
