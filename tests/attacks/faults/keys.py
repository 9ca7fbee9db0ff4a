"""Faults that let a request take effect twice, or answer somebody with the answer of another."""

from tests.attacks.faults.fault import Fault

ONCE = "app/api/dependencies/idempotency.py"
SERVICE = "app/services/idempotency.py"
TESTS = "test_idempotency.py"

FAULTS = (
    Fault(
        "a key is good for any body",
        SERVICE,
        "if known.content_hash != request.content_hash:",
        "if not known.content_hash:",
        (f"{TESTS}::test_a_key_is_good_for_one_body",),
    ),
    Fault(
        "a key is everybody's",
        "app/repositories/idempotency.py",
        "IdempotencyKey.user_id == user_id, ",
        "IdempotencyKey.answer.is_not(None), ",
        (f"{TESTS}::test_a_key_is_its_users_own",),
    ),
    Fault(
        "a key is forgotten",
        SERVICE,
        "expires_at=utc_now() + LIFETIME,",
        "expires_at=utc_now(),",
        (f"{TESTS}::test_what_was_deleted_is_not_made_again",),
    ),
    Fault(
        "keys are stored as they are",
        ONCE,
        """key_hash=digest(f"{scope['method']} {scope['path']} {key}"),""",
        "key_hash=key[:64],",
        (f"{TESTS}::test_keys_are_neither_stored_nor_logged",),
    ),
    Fault(
        "any text is a key",
        ONCE,
        r'pattern=r"^[\x21-\x7e]{1,255}$"',
        'pattern="^.*$"',
        (f"{TESTS}::test_a_key_that_is_none_is_refused",),
    ),
    Fault(
        "who comes meanwhile is served",
        SERVICE,
        "            raise RequestInProgress\n",
        "            return await call(), False\n",
        (f"{TESTS}::test_of_many_at_once_one_takes_effect",),
    ),
)
