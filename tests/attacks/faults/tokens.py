"""Faults in access tokens."""

from tests.attacks.faults.fault import Fault

TOKENS = "app/core/security/tokens.py"
SESSIONS = "app/repositories/auth.py"


def _decode_option(name: str, option: str, test: str) -> Fault:
    return Fault(
        name,
        TOKENS,
        'options={"require": CLAIMS},',
        f'options={{"require": CLAIMS, "{option}": False}},',
        (f"test_token_forgery.py::{test}",),
    )


FAULTS = (
    Fault(
        "more algorithms are accepted",
        TOKENS,
        "algorithms=[self._settings.algorithm],",
        'algorithms=["HS256", "HS384", "HS512"],',
        ("test_token_forgery.py::test_a_forged_token_is_refused[alg-HS512]",),
    ),
    Fault(
        "no claim is required",
        TOKENS,
        'options={"require": CLAIMS},',
        "options={},",
        ("test_token_forgery.py::test_a_forged_token_is_refused[claim-exp-missing]",),
    ),
    Fault(
        "the type is not looked at",
        TOKENS,
        'if payload["typ"] != ACCESS:',
        'if not payload["typ"]:',
        ("test_token_forgery.py::test_a_forged_token_is_refused[claim-typ-refresh]",),
    ),
    Fault(
        "an unknown key is the active one",
        TOKENS,
        'self._verifying[jwt.get_unverified_header(token)["kid"]],',
        "[*self._verifying.values()][0],",
        ("test_token_forgery.py::test_a_forged_token_is_refused[kid-missing]",),
    ),
    _decode_option(
        "any signature is accepted",
        "verify_signature",
        "test_a_forged_token_is_refused[signature-another-deployment]",
    ),
    _decode_option(
        "any audience is accepted", "verify_aud", "test_a_forged_token_is_refused[claim-aud-wrong]"
    ),
    _decode_option(
        "any issuer is accepted", "verify_iss", "test_a_forged_token_is_refused[claim-iss-wrong]"
    ),
    _decode_option("tokens last for ever", "verify_exp", "test_an_expired_token_is_refused"),
    _decode_option(
        "tokens begin too early", "verify_nbf", "test_a_forged_token_is_refused[claim-nbf-to-come]"
    ),
    Fault(
        "a session may be anybody's",
        SESSIONS,
        'AuthSession.user_id == bindparam("user_id"),',
        'AuthSession.created_at <= bindparam("now"),',
        ("test_token_forgery.py::test_a_token_names_one_user_and_a_session_of_theirs",),
    ),
)
