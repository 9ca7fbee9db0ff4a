"""The answers between which the stories switch."""

from tests.matrix.questions import Answers

# Every feature that has tables, and none.
ON: Answers = {"auth": "jwt", "email": "smtp", "features": ["audit_log", "items"]}
OFF: Answers = {"auth": "session", "email": "none", "features": []}
