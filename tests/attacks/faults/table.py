"""All faults that are planted."""

from tests.attacks.faults import access, families, guessing, sessions, tokens

FAULTS = (
    *tokens.FAULTS,
    *families.FAULTS,
    *sessions.FAULTS,
    *guessing.FAULTS,
    *access.FAULTS,
)
