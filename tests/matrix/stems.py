"""Every answer that something in the template depends on: its traces, and what shows its effect."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Stem:
    """With the answer off, none of `identifiers` occurs in a render; with it on, all of them do.

    They are regular expressions, and identifiers rather than words: plain English, such as the
    items of a page, is no trace of a feature. `effect` names the test that shows what it does.
    """

    identifiers: tuple[str, ...]
    effect: str


STEMS = {
    "items": Stem(
        identifiers=(r"\bItem\w*", r"/items\b", r"\bitems?_", r"\bitems\.\w"),
        effect="tests/test_live.py::test_items_over_http",
    ),
    "audit_log": Stem(
        identifiers=(r"\bAuditLog\w*", r"/audit-logs\b", r"\baudit_log", r"AUDIT_LOG"),
        effect="tests/test_live.py::test_audit_log_over_http",
    ),
    "retention": Stem(
        identifiers=(r"\bAPP_AUDIT_LOG_RETENTION_DAYS\b",),
        effect="tests/test_live.py::test_audit_log_over_http",
    ),
    "jwt": Stem(
        identifiers=(
            r"\bJWT_",
            r"(?i)\brefresh[_ ]tokens?\b",
            r"\bBearer\b(?! \{)",  # before a value it may be the key of another service
            r"\baccess_token\b",
        ),
        effect="tests/test_live.py::test_accounts_over_http",
    ),
    "session": Stem(
        identifiers=(r"\bSESSION_[A-Z]", r"(?i)csrf", r"\bsession_store\b", r"__Host-"),
        effect="tests/test_live.py::test_sessions_over_http",
    ),
    "mail": Stem(
        identifiers=(r"\bEMAIL_SENDER\b", r"\bEmailS(ettings|ervice)\b", r"\bapp[./]email\b"),
        effect="tests/test_live.py::test_mail_over_http",
    ),
    "account_recovery": Stem(
        identifiers=(
            r"\bAccountRecovery\w*",
            r"/(verify-email|resend-verification|forgot-password)\b",
            r"\bemail_not_verified\b",
            r"\bmailed_tokens\b",
        ),
        effect="tests/test_live.py::test_mail_over_http",
    ),
    "outbox": Stem(
        identifiers=(r"(?i)\boutbox\b", r"\bOUTBOX_", r"\bapp relay\b"),
        effect="tests/test_live.py::test_mail_over_http",
    ),
    "smtp": Stem(
        identifiers=(r"\bSMTP_", r"\bSmtpSender\b", r"\baiosmtp(lib|d)\b"),
        effect="tests/test_live.py::test_mail_over_http",
    ),
    "resend": Stem(
        identifiers=(r"\bRESEND_", r"\bResendSender\b", r"\bapi\.resend\.com\b"),
        effect="tests/test_live.py::test_mail_over_http",
    ),
    # What is there instead of mail: an address is taken at its word, and told to be taken.
    "unmailed": Stem(
        identifiers=(r"\bAddressService\[", r"\berrors\(EmailTaken, UsernameTaken\)"),
        effect="tests/test_live.py::test_accounts_over_http",
    ),
    "unmailed_jwt": Stem(
        identifiers=(r"\buser, _ = await addresses\.change\b",),
        effect="tests/test_live.py::test_accounts_over_http",
    ),
    "unmailed_session": Stem(
        identifiers=(r"\b_, renewed = await addresses\.change\b",),
        effect="tests/test_live.py::test_sessions_over_http",
    ),
    "redis": Stem(
        identifiers=(r"\bREDIS_", r"\bRedisClient\b"),
        effect="tests/test_live.py::test_sessions_over_http",
    ),
    "valkey": Stem(
        identifiers=(r"(?i)\bvalkey(lite)?\b",),
        effect="tests/test_live.py::test_ctrl_c_stops_everything",
    ),
    "compose_valkey": Stem(
        identifiers=(r"\bVALKEY_PASSWORD\b",),
        effect="tests/test_effects.py::test_compose_file_is_valid",
    ),
    "argon2id": Stem(
        identifiers=(r"\bPASSWORD_(MEMORY|TIME)_COST\b", r"\bPASSWORD_MAX_LENGTH\b"),
        effect="tests/test_effects.py::test_passwords_are_hashed_as_chosen",
    ),
    "bcrypt": Stem(
        identifiers=(r"\bPASSWORD_ROUNDS\b", r"\bMAX_BYTES\b"),
        effect="tests/test_effects.py::test_passwords_are_hashed_as_chosen",
    ),
    "compose": Stem(
        identifiers=(r"\bcompose\.yaml", r"\bdocker compose\b"),
        effect="tests/test_effects.py::test_compose_file_is_valid",
    ),
    "github": Stem(
        identifiers=(r"\.github/", r"\bGitHub Actions\b"),
        effect="tests/test_effects.py::test_workflow_is_valid",
    ),
    "licensed": Stem(
        identifiers=(r"\bLICENSE\b", r"(?m)^license = "),
        effect="tests/test_effects.py::test_licence_is_the_chosen_one",
    ),
    "license_mit": Stem(
        identifiers=(r"\bMIT\b",),
        effect="tests/test_effects.py::test_licence_is_the_chosen_one",
    ),
    "license_apache": Stem(
        identifiers=(r"\bApache\b",),
        effect="tests/test_effects.py::test_licence_is_the_chosen_one",
    ),
    "authored": Stem(
        identifiers=(r"(?m)^authors = ",),
        effect="tests/test_effects.py::test_author_is_named",
    ),
}
