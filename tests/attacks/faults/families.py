"""Faults in refresh tokens, and in what ends a session by itself."""

from tests.attacks.faults.fault import Fault

SESSIONS = "app/repositories/auth.py"
REFRESH = "app/services/refresh_tokens.py"
REFRESH_ROWS = "app/repositories/refresh_tokens.py"
ERRORS = "app/core/security/refresh_tokens.py"

FAULTS = (
    Fault(
        "reuse ends nothing",
        REFRESH,
        "await self.auth_sessions.revoke(auth_session.id, user_id=auth_session.user_id)",
        "await self.auth_sessions.touch(auth_session.id, utc_now())",
        ("test_token_families.py::test_reuse_ends_the_family_on_every_process",),
    ),
    Fault(
        "the verdict is rolled back",
        ERRORS,
        'so its session has ended"\n    commits = True',
        'so its session has ended"\n    commits = False',
        ("test_token_families.py::test_the_verdict_outlives_its_own_answer",),
    ),
    Fault(
        "the grace never ends",
        REFRESH,
        "if child.spent_at is not None or row.spent_at + self.grace < utc_now():",
        "if child.spent_at is not None:",
        ("test_token_families.py::test_past_the_grace_a_parent_is_reuse",),
    ),
    Fault(
        "within the grace a spent child doesn't matter",
        REFRESH,
        "if child.spent_at is not None or row.spent_at + self.grace < utc_now():",
        "if row.spent_at + self.grace < utc_now():",
        ("test_token_families.py::test_a_parent_whose_child_is_spent_is_reuse",),
    ),
    Fault(
        "within the grace the family forks",
        REFRESH,
        "return self._pair(auth_session, child)",
        "return await self._issue(auth_session, generation=raw.generation + 2)",
        ("test_token_families.py::test_within_the_grace_a_parent_gets_the_same_child",),
    ),
    Fault(
        "a refresh token needs no proof",
        REFRESH_ROWS,
        "                RefreshToken.token_hash == token_hash,\n",
        "",
        ("test_token_families.py::test_made_up_tokens_end_nothing",),
    ),
    Fault(
        "reuse needs no proof",
        REFRESH,
        "if row is None or not hmac.compare_digest(row.token_hash, raw.hash):",
        "if row is None:",
        ("test_token_families.py::test_made_up_tokens_end_nothing",),
    ),
    Fault(
        "spent tokens are forgotten",
        REFRESH_ROWS,
        "session_id, RefreshToken.expires_at <= utc_now())",
        "session_id, RefreshToken.spent_at.is_not(None))",
        ("test_token_families.py::test_reuse_ends_the_family_on_every_process",),
    ),
    Fault(
        "no family idles",
        REFRESH,
        "expires_at=min(utc_now() + self.idle_lifetime, auth_session.expires_at),",
        "expires_at=auth_session.expires_at,",
        ("test_token_families.py::test_use_keeps_a_family_from_idling",),
    ),
    Fault(
        "sessions never end by themselves",
        SESSIONS,
        '        AuthSession.expires_at > bindparam("now"),\n',
        "",
        ("test_token_families.py::test_no_use_keeps_a_family_past_its_end",),
    ),
    Fault(
        "who is deactivated goes on",
        SESSIONS,
        "        User.is_active,\n        User.deleted_at.is_(None),\n",
        "        User.deleted_at.is_(None),\n",
        (
            "test_token_families.py::test_an_unspent_token_of_what_has_ended_is_refused[deactivated]",
        ),
    ),
)
