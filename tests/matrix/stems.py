"""Every answer that something in the template depends on: its traces, and what shows its effect."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Stem:
    """With the answer off, none of `identifiers` occurs in a render; with it on, all of them do.

    They are regular expressions, and identifiers rather than words: plain English, such as the
    items of a page, is no trace of a feature. `effect` names the test that shows what it does.
    `names_files` is off where files of another feature may have the same name.
    """

    identifiers: tuple[str, ...]
    effect: str
    names_files: bool = True


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
    "mfa": Stem(
        identifiers=(r"\bMfa[A-Z]\w*", r"/mfa\b", r"\bMFA_SECRET_KEYS\b", r"\b(pyotp|segno)\b"),
        effect="tests/test_live.py::test_mfa_over_http",
    ),
    "second_factor": Stem(
        identifiers=(r"\bsecond_factor\b", r"\bSecondFactor\w*", r"\bmfa_(required|code_)"),
        effect="tests/test_live.py::test_mfa_over_http",
    ),
    # How a sign-in that takes several requests ends.
    "entrance_jwt": Stem(
        identifiers=(r"\bdevice_token\(self, request: SignInRequest\)",),
        effect="tests/test_live.py::test_mfa_over_http",
    ),
    "entrance_session": Stem(
        identifiers=(r"\bdevice_token\(self, _: SignInRequest\)",),
        effect="tests/test_live.py::test_mfa_over_http",
    ),
    "cryptography": Stem(
        identifiers=(r"\bcryptography\b",),
        effect="tests/test_live.py::test_mfa_over_http",
    ),
    "jwt": Stem(
        identifiers=(
            r"\bJWT_",
            r"(?i)\brefresh[_ ]tokens?\b",
            r"\bOAuth2PasswordBearer\b",
            r"\bAccessTokens\b",
        ),
        effect="tests/test_live.py::test_accounts_over_http",
    ),
    "session": Stem(
        identifiers=(r"\bSESSION_[A-Z]", r"(?i)csrf", r"\bsession_store\b"),
        effect="tests/test_live.py::test_sessions_over_http",
    ),
    "mail": Stem(
        identifiers=(
            r"\bEMAIL_SENDER\b",
            r"\bEmailS(ettings|ervice)\b",
            r"\bapp[./]email\b",
        ),
        effect="tests/test_live.py::test_mail_over_http",
    ),
    "account_recovery": Stem(
        identifiers=(
            r"\bAccountRecovery\w*",
            r"/(verify-email|resend-verification|forgot-password)\b",
            r"\bEmailNotVerified\b",
            r"\bmailed_tokens\b",
        ),
        effect="tests/test_live.py::test_mail_over_http",
    ),
    "relay": Stem(
        identifiers=(r"\bOUTBOX_", r"\bapp relay\b"),
        effect="tests/test_live.py::test_mail_over_http",
    ),
    "outbox": Stem(
        identifiers=(r"(?i)\boutbox\b",),
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
    "oauth": Stem(
        identifiers=(r"\bOAuth(?!2\b|2P)\w*", r"\bOAUTH_", r"\boauth_", r"/oauth\b"),
        effect="tests/test_live.py::test_social_login_over_http",
    ),
    "oauth_google": Stem(
        identifiers=(r"\bOAUTH_GOOGLE_", r"\bGoogleSettings\b", r"\boidc-provider-mock\b"),
        effect="tests/test_live.py::test_social_login_over_http",
    ),
    "oauth_github": Stem(
        identifiers=(r"\bOAUTH_GITHUB_", r"\bGitHub(Settings|Provider)\b"),
        effect="tests/test_live.py::test_social_login_over_http",
    ),
    "identities": Stem(
        identifiers=(r"\bIdentit(y|ies)(Service|List|View|Linked|Taken)\b", r"/identities\b"),
        effect="tests/test_live.py::test_social_login_over_http",
    ),
    "httpx2": Stem(
        identifiers=(r"# web services\b",),
        effect="tests/test_live.py::test_social_login_over_http",
    ),
    "pyjwt": Stem(
        identifiers=(r"\bpyjwt\b",),
        effect="tests/test_live.py::test_social_login_over_http",
    ),
    "rate_limit": Stem(
        identifiers=(r"\bRateLimit(ed|er|Headers)\b", r"\brate_limit(ed)?\b"),
        effect="tests/test_two_processes.py::test_rate_limits_over_http",
    ),
    "limiter": Stem(
        identifiers=(r"\bRATE_LIMIT_(AUTH|DEFAULT)\b", r"\blimits>="),
        effect="tests/test_two_processes.py::test_rate_limits_over_http",
    ),
    "rate_limit_jwt": Stem(
        identifiers=(r"\bfor the user of a valid access token\b",),
        effect="tests/test_two_processes.py::test_rate_limits_over_http",
    ),
    "rate_limit_session": Stem(
        identifiers=(r"\bfor the user whom the session cookie leads to\b",),
        effect="tests/test_two_processes.py::test_rate_limits_over_http",
    ),
    "cache": Stem(
        identifiers=(
            r"\bCache(Service|Cleared|Status)\b",
            r"/cache/(status|clear)\b",
            r"@cached\(",
        ),
        effect="tests/test_two_processes.py::test_a_write_is_seen_in_the_other_process",
    ),
    "cached": Stem(
        identifiers=(r"\bresources\.cache\b",),
        effect="tests/test_two_processes.py::test_a_write_is_seen_in_the_other_process",
    ),
    "kept_answers": Stem(
        identifiers=(r"\badd_dependency\b",),
        effect="tests/test_two_processes.py::test_a_request_that_is_sent_again_takes_effect_once",
    ),
    "idempotency": Stem(
        identifiers=(
            r"\bIdempotency(Key[A-Z]|Service)\w*",
            r"\bidempotent\b",
            r"\bidempotency_(key|0)",
        ),
        effect="tests/test_two_processes.py::test_a_request_that_is_sent_again_takes_effect_once",
    ),
    "tasks": Stem(
        identifiers=(r"\bTASKS_", r"\bTaskService\b", r"\btaskiq\b", r"\bapp[./]tasks\b"),
        effect="tests/test_tasks.py::test_tasks_over_http",
    ),
    "worker": Stem(
        identifiers=(r"\bapp worker\b", r"\bworker_in_app\b"),
        effect="tests/test_tasks.py::test_tasks_over_http",
    ),
    "tasks_mail": Stem(
        identifiers=(r"\brelay_mail\b",),
        effect="tests/test_tasks.py::test_tasks_over_http",
    ),
    "resilience": Stem(
        identifiers=(
            r"\b(CircuitOpen|CIRCUITS)\b",
            r"\bwith_(retry|circuit_breaker)\b",
            r"\bstamina\b",
        ),
        effect="tests/test_outages.py::test_a_provider_that_is_away_is_not_asked_for_a_while",
    ),
    "resilient_web": Stem(
        identifiers=(r"\bResilientTransport\b",),
        effect="tests/test_outages.py::test_a_provider_that_is_away_is_not_asked_for_a_while",
    ),
    "plain_web": Stem(
        identifiers=(
            r"\breturn AsyncClient\(base_url=base_url, headers=headers, timeout=timeout\)",
        ),
        effect="tests/test_live.py::test_social_login_over_http",
    ),
    # The library, which two features need.
    "purgatory": Stem(
        identifiers=(r"\bpurgatory\b",),
        effect="tests/test_outages.py::test_a_provider_that_is_away_is_not_asked_for_a_while",
    ),
    "expiring": Stem(
        identifiers=(r"\bExpiring(Repository)?\b",),
        effect="tests/test_two_processes.py::test_a_request_that_is_sent_again_takes_effect_once",
    ),
    "redis": Stem(
        identifiers=(r"\bREDIS_", r"\bRedisClient\b"),
        effect="tests/test_live.py::test_sessions_over_http",
    ),
    "redis_client": Stem(
        identifiers=(r"\bresources\.redis\b",),
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
        names_files=False,  # a provider of identities has the name, too
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
