"""Faults in what ends a session, and in who opens one."""

from tests.attacks.faults.fault import Fault

SESSIONS = "app/repositories/auth.py"
LOGIN = "app/services/auth.py"
SIGN_IN = "app/services/sign_in.py"
CREDENTIALS = "app/services/credentials.py"
ADDRESSES = "app/services/addresses.py"
USERS = "app/services/users.py"

FAULTS = (
    Fault(
        "revocation is not looked at",
        SESSIONS,
        "AuthSession.revoked_at.is_(None),\n        AuthSession.expires_at > bindparam",
        "AuthSession.expires_at > bindparam",
        ("test_revocation.py::test_logout_ends_one_device",),
    ),
    Fault(
        "a process remembers who is signed in",
        "app/api/dependencies/principal.py",
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
        "if user is None or not user.is_active or not proof.holds(user.hashed_password):",
        "if user is None or not proof.holds(user.hashed_password):",
        ("test_enumeration.py::test_every_failure_looks_the_same",),
    ),
    Fault(
        "there is no cap",
        SIGN_IN,
        "await self.auth_sessions.revoke_oldest(user.id, keep=self.sessions_per_user - 1)",
        "await self.auth_sessions.revoke_oldest(user.id, keep=self.sessions_per_user + 99)",
        ("test_revocation.py::test_the_oldest_of_too_many_devices_is_out",),
    ),
    Fault(
        "a reset token is good for many at once",
        CREDENTIALS,
        "if user is None or await self.tokens.redeem(PASSWORD_RESET, token_hash) != user_id:",
        "if user is None:",
        ("test_reset.py::test_of_many_at_once_one_is_served",),
    ),
    Fault(
        "a reset token outlives a new password",
        CREDENTIALS,
        "keep=keep)\n        await self.tokens.revoke_all(user.id)\n",
        "keep=keep)\n",
        ("test_reset.py::test_a_token_does_not_outlive_a_change[password]",),
    ),
    Fault(
        "a reset token outlives the address that it was sent to",
        ADDRESSES,
        "        await self.tokens.revoke_all(user.id)\n        await publish(self.session, Email",
        "        await publish(self.session, Email",
        ("test_reset.py::test_a_token_does_not_outlive_a_change[email]",),
    ),
)
