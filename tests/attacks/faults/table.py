"""All faults that are planted."""

from tests.attacks.faults import access, cookies, csrf, families, guessing, sessions, tokens

FAULTS = (
    *tokens.FAULTS,
    *families.FAULTS,
    *sessions.FAULTS,
    *guessing.FAULTS,
    *access.FAULTS,
    *cookies.FAULTS,
    *csrf.FAULTS,
)
