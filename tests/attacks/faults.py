"""Faults of one line, each with the attacks that must succeed on a project that has it."""

from dataclasses import dataclass
from pathlib import Path

TOKENS = "app/core/security/tokens.py"
SESSIONS = "app/repositories/auth.py"
REFRESH = "app/services/refresh_tokens.py"
REFRESH_ROWS = "app/repositories/refresh_tokens.py"
LOGIN = "app/services/auth.py"
LOCKOUT = "app/services/lockout.py"
CREDENTIALS = "app/services/credentials.py"
USERS = "app/services/users.py"
ERRORS = "app/core/exceptions.py"


@dataclass(frozen=True)
class Fault:
    """A text that stands in a file once, what takes its place, and the tests that go red."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def plant(self, project: Path) -> None:
        """Change the file; fail unless there is exactly one place to do so."""
        path = project / self.file
        text = path.read_text()
        count = text.count(self.old)
        if count != 1:
            raise AssertionError(f"{self.name}: {self.file} has {count} times:\n{self.old}")
        path.write_text(text.replace(self.old, self.new))


def _decode_option(name: str, option: str, test: str) -> Fault:
    return Fault(
        name,
        TOKENS,
        'options={"require": CLAIMS},',
        f'options={{"require": CLAIMS, "{option}": False}},',
        (f"test_tokens.py::{test}",),
    )


TOKEN_FAULTS = (
    Fault(
        "more algorithms are accepted",
        TOKENS,
        "algorithms=[self._settings.algorithm],",
        'algorithms=["HS256", "HS384", "HS512"],',
        ("test_tokens.py::test_a_forged_token_is_refused[alg-HS512]",),
    ),
    Fault(
        "no claim is required",
        TOKENS,
        'options={"require": CLAIMS},',
        "options={},",
        ("test_tokens.py::test_a_forged_token_is_refused[claim-exp-missing]",),
    ),
    Fault(
        "the type is not looked at",
        TOKENS,
        'if payload["typ"] != ACCESS:',
        'if not payload["typ"]:',
        ("test_tokens.py::test_a_forged_token_is_refused[claim-typ-refresh]",),
    ),
    Fault(
        "an unknown key is the active one",
        TOKENS,
        'self._verifying[jwt.get_unverified_header(token)["kid"]],',
        "[*self._verifying.values()][0],",
        ("test_tokens.py::test_a_forged_token_is_refused[kid-missing]",),
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
        ("test_tokens.py::test_a_token_names_one_user_and_a_session_of_theirs",),
    ),
)
REFRESH_FAULTS = (
    Fault(
        "reuse ends nothing",
        REFRESH,
        "await self.auth_sessions.revoke(auth_session.id, user_id=auth_session.user_id)",
        "await self.auth_sessions.touch(auth_session.id, utc_now())",
        ("test_refresh.py::test_reuse_ends_the_family_on_every_process",),
    ),
    Fault(
        "the verdict is rolled back",
        ERRORS,
        'so its session has ended"\n    commits = True',
        'so its session has ended"\n    commits = False',
        ("test_refresh.py::test_the_verdict_outlives_its_own_answer",),
    ),
    Fault(
        "the grace never ends",
        REFRESH,
        "if child.spent_at is not None or row.spent_at + self.grace < utc_now():",
        "if child.spent_at is not None:",
        ("test_refresh.py::test_past_the_grace_a_parent_is_reuse",),
    ),
    Fault(
        "within the grace a spent child doesn't matter",
        REFRESH,
        "if child.spent_at is not None or row.spent_at + self.grace < utc_now():",
        "if row.spent_at + self.grace < utc_now():",
        ("test_refresh.py::test_a_parent_whose_child_is_spent_is_reuse",),
    ),
    Fault(
        "within the grace the family forks",
        REFRESH,
        "return self._pair(auth_session, child)",
        "return await self._issue(auth_session, generation=raw.generation + 2)",
        ("test_refresh.py::test_within_the_grace_a_parent_gets_the_same_child",),
    ),
    Fault(
        "a refresh token needs no proof",
        REFRESH_ROWS,
        "                RefreshToken.token_hash == token_hash,\n",
        "",
        ("test_refresh.py::test_made_up_tokens_end_nothing",),
    ),
    Fault(
        "reuse needs no proof",
        REFRESH,
        "if row is None or not hmac.compare_digest(row.token_hash, raw.hash):",
        "if row is None:",
        ("test_refresh.py::test_made_up_tokens_end_nothing",),
    ),
    Fault(
        "spent tokens are forgotten",
        REFRESH_ROWS,
        "expired = RefreshToken.expires_at <= utc_now()",
        "expired = RefreshToken.spent_at.is_not(None)",
        ("test_refresh.py::test_a_spent_token_is_remembered_until_it_expires",),
    ),
    Fault(
        "no family idles",
        REFRESH,
        "expires_at=min(utc_now() + self.idle_lifetime, auth_session.expires_at),",
        "expires_at=auth_session.expires_at,",
        ("test_refresh.py::test_use_keeps_a_family_from_idling",),
    ),
    Fault(
        "sessions never end by themselves",
        SESSIONS,
        '        AuthSession.expires_at > bindparam("now"),\n',
        "",
        ("test_refresh.py::test_no_use_keeps_a_family_past_its_end",),
    ),
    Fault(
        "who is deactivated goes on",
        SESSIONS,
        "        User.is_active,\n        User.deleted_at.is_(None),\n",
        "        User.deleted_at.is_(None),\n",
        ("test_refresh.py::test_an_unspent_token_of_what_has_ended_is_refused[deactivated]",),
    ),
)
SESSION_FAULTS = (
    Fault(
        "revocation is not looked at",
        SESSIONS,
        "AuthSession.revoked_at.is_(None),\n        AuthSession.expires_at > bindparam",
        "AuthSession.expires_at > bindparam",
        ("test_revocation.py::test_logout_ends_one_device",),
    ),
    Fault(
        "a process remembers who is signed in",
        "app/api/dependencies/auth.py",
        "principal = await auth_sessions.find_principal(claims.session_id, claims.user_id)",
        "principal = vars(BEARER).get(claims.session_id) or vars(BEARER).setdefault("
        "claims.session_id, "
        "await auth_sessions.find_principal(claims.session_id, claims.user_id))",
        ("test_revocation.py::test_logout_ends_one_device",),
    ),
    Fault(
        "a new password ends no session",
        CREDENTIALS,
        "await self.auth_sessions.revoke_all(user.id, keep=keep)",
        "await self.auth_sessions.revoke_all(user.id, keep=keep) if keep is None else None",
        ("test_revocation.py::test_a_new_password_ends_the_other_devices",),
    ),
    Fault(
        "deactivation ends no session",
        USERS,
        "            await self._end_access(user)\n            switched",
        "            switched",
        ("test_revocation.py::test_a_deactivated_user_is_out_and_stays_out_of_old_sessions",),
    ),
    Fault(
        "who is deactivated signs in",
        LOGIN,
        "if user is None or not (verdict.fits and unchanged and user.is_active):",
        "if user is None or not (verdict.fits and unchanged):",
        ("test_enumeration.py::test_every_failure_looks_the_same",),
    ),
    Fault(
        "there is no cap",
        LOGIN,
        "await self.auth_sessions.revoke_oldest(user.id, keep=self.sessions_per_user - 1)",
        "await self.auth_sessions.revoke_oldest(user.id, keep=self.sessions_per_user + 99)",
        ("test_revocation.py::test_the_oldest_of_too_many_devices_is_out",),
    ),
    Fault(
        "a reset token is good for many at once",
        CREDENTIALS,
        "user_id = await self.tokens.redeem(PASSWORD_RESET, token_hash)",
        "user_id = await self.tokens.find_owner(PASSWORD_RESET, token_hash)",
        ("test_reset.py::test_of_many_at_once_one_is_served",),
    ),
    Fault(
        "a reset token outlives the address that it was sent to",
        CREDENTIALS,
        "        await self.tokens.revoke_all(user.id)\n        await publish(self.session, Email",
        "        await publish(self.session, Email",
        ("test_reset.py::test_a_token_does_not_outlive_a_change[email]",),
    ),
)
GUESSING_FAULTS = (
    Fault(
        "failures are not counted",
        LOCKOUT,
        "attempt.failures += 1",
        "attempt.failures += 0",
        ("test_lockout.py::test_the_right_password_is_refused_after_five_wrong_ones",),
    ),
    Fault(
        "the count is rolled back",
        ERRORS,
        '"The name or the password is wrong"\n    commits = True',
        '"The name or the password is wrong"\n    commits = False',
        ("test_lockout.py::test_the_right_password_is_refused_after_five_wrong_ones",),
    ),
    Fault(
        "a lock is not looked at",
        LOGIN,
        "if self.lockout.is_locked(attempt):",
        "if not attempt.account:",
        ("test_lockout.py::test_a_burst_gets_no_more_guesses",),
    ),
    Fault(
        "a lock never grows",
        LOCKOUT,
        "self.settings.base_delay * 2 ** min(excess, 40)",
        "self.settings.base_delay",
        ("test_lockout.py::test_each_failure_after_a_lock_doubles_the_next",),
    ),
    Fault(
        "failures count by what was typed",
        LOCKOUT,
        'digest(f"user:{user_id}" if user_id else f"name:{login_key(name)}")',
        'digest(f"name:{login_key(name)}")',
        ("test_lockout.py::test_however_an_account_is_named_it_is_one",),
    ),
    Fault(
        "a device may be of any account",
        SESSIONS,
        ".where(LoginAttempt.account == account, LoginAttempt.device == device)",
        ".where(LoginAttempt.device == device)",
        ("test_lockout.py::test_a_device_of_somebody_else_is_a_stranger",),
    ),
    Fault(
        "every made-up device has a counter",
        LOCKOUT,
        "            if known is not None:\n                return known\n",
        "            own = digest(device_token)\n"
        "            return known or await self.attempts.get_locked(account, own)\n",
        ("test_lockout.py::test_made_up_devices_are_one_stranger",),
    ),
    Fault(
        "strangers lock out known devices",
        LOCKOUT,
        "        if device_token:\n",
        '        if device_token == "":\n',
        ("test_lockout.py::test_a_known_device_gets_in_while_strangers_do_not",),
    ),
    Fault(
        "a session is an oracle",
        CREDENTIALS,
        "if self.lockout.is_locked(attempt):",
        "if not attempt.account:",
        ("test_lockout.py::test_a_stolen_session_is_no_oracle[change-password]",),
    ),
    Fault(
        "a locked account is told apart",
        LOGIN,
        "        if self.lockout.is_locked(attempt):\n            raise InvalidCredentials\n",
        "        if self.lockout.is_locked(attempt):\n"
        '            raise InvalidCredentials("Try again later")\n',
        ("test_enumeration.py::test_every_failure_looks_the_same",),
    ),
)
ACCESS_FAULTS = (
    Fault(
        "anybody writes an item",
        "app/services/items.py",
        "if item.owner_id != principal.id and not principal.may(MANAGE_ITEMS):",
        "if item.owner_id is None:",
        ("test_access.py::test_access[PATCH /api/v1/items/{item_id}]",),
    ),
    Fault(
        "anybody sees a user",
        USERS,
        "if user_id != principal.id and not principal.may(MANAGE_USERS):",
        "if user_id is None:",
        ("test_access.py::test_access[GET /api/v1/users/{user_id}]",),
    ),
    Fault(
        "anybody lists the users",
        "app/api/v1/routes/users.py",
        "_: AdminUser, query",
        "_: CurrentUser, query",
        ("test_access.py::test_access[GET /api/v1/users]",),
    ),
    Fault(
        "a route doesn't ask who is there",
        "app/api/v1/routes/items.py",
        "async def get_item(item_id: UUID, _: CurrentUser, items",
        "async def get_item(item_id: UUID, items",
        ("test_access.py::test_access[GET /api/v1/items/{item_id}]",),
    ),
    Fault(
        "anybody signs a device out",
        SESSIONS,
        "self._revoke(*_live(user_id), AuthSession.id == session_id)",
        "self._revoke(AuthSession.id == session_id)",
        ("test_access.py::test_access[DELETE /api/v1/auth/sessions/{session_id}]",),
    ),
    Fault(
        "a route is in no table",
        "app/api/v1/routes/items.py",
        '@router.get("/search"',
        '@router.get("/find"',
        ("test_access.py::test_the_table_names_every_route",),
    ),
    Fault(
        "unknown members are ignored",
        "app/schemas/base.py",
        'extra="forbid"',
        'extra="ignore"',
        ("test_mass_assignment.py::test_an_owner_sets_no_other_member[role]",),
    ),
    Fault(
        "users give themselves a role",
        USERS,
        'if not principal.may(MANAGE_USERS) and {"role", "is_active"} & changes.model_fields_set:',
        "if not principal.id:",
        ("test_mass_assignment.py::test_a_user_by_id_sets_no_other_member[role]",),
    ),
    Fault(
        "the last admins are not locked",
        "app/repositories/users.py",
        ".order_by(User.id)\n            .with_for_update()",
        ".order_by(User.id)",
        ("test_last_admin.py::test_two_admins_at_once[demote-each-other]",),
    ),
    Fault(
        "a device token is stored as it is",
        LOCKOUT,
        "LoginAttempt(account=attempt.account, device=digest(token))",
        "LoginAttempt(account=attempt.account, device=token)",
        ("test_secrets.py::test_no_secret_is_stored_or_logged",),
    ),
    Fault(
        "queries are logged",
        "app/middleware/request_context.py",
        'path=scope["path"],',
        'path=scope["path"] + "?" + scope["query_string"].decode(),',
        ("test_secrets.py::test_no_token_is_stored_or_logged",),
    ),
)
FAULTS = (*TOKEN_FAULTS, *REFRESH_FAULTS, *SESSION_FAULTS, *GUESSING_FAULTS, *ACCESS_FAULTS)
