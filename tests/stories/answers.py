"""The answers between which the stories switch."""

from tests.matrix.questions import Answers

# Every feature that has tables, and none.
ON: Answers = {
    "auth": "jwt",
    "oauth_providers": ["github", "google"],
    "email": "smtp",
    "features": ["audit_log", "idempotency", "items", "mfa"],
}
OFF: Answers = {"auth": "session", "oauth_providers": [], "email": "none", "features": []}
