"""All faults that are planted."""

from tests.attacks.faults import (
    access,
    answers,
    cookies,
    csrf,
    families,
    guessing,
    keys,
    limits,
    sessions,
    tokens,
)

FAULTS = (
    *tokens.FAULTS,
    *families.FAULTS,
    *sessions.FAULTS,
    *guessing.FAULTS,
    *access.FAULTS,
    *cookies.FAULTS,
    *csrf.FAULTS,
    *limits.FAULTS,
    *answers.FAULTS,
    *keys.FAULTS,
)
