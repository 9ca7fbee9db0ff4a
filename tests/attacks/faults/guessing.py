"""Faults that let a stranger guess."""

from tests.attacks.faults.fault import Fault

LOGIN = "app/services/auth.py"
LOCKOUT = "app/services/lockout.py"
CONFIRMATION = "app/services/confirmation.py"
ERRORS = "app/core/exceptions.py"

FAULTS = (
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
        "app/repositories/login_attempts.py",
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
        CONFIRMATION,
        "if self.lockout.is_locked(attempt):",
        "if not attempt.account:",
        ("test_lockout.py::test_a_stolen_session_is_no_oracle[change-password]",),
    ),
    Fault(
        "a locked account is told apart",
        LOGIN,
        "        if self.lockout.is_locked(attempt):\n"
        "            await self._refuse(name, user_id, locks=False)\n",
        "        if self.lockout.is_locked(attempt):\n"
        '            raise InvalidCredentials("Try again later")\n',
        ("test_enumeration.py::test_every_failure_looks_the_same",),
    ),
)
