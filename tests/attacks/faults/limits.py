"""Faults that let somebody call more often than they may, or keep others from it."""

from tests.attacks.faults.fault import Fault

GUARD = "app/api/dependencies/rate_limit.py"
COUNTER = "app/core/rate_limit.py"
TESTS = "test_limits.py"
SIGN_INS = "test_sign_in_limits.py"

FAULTS = (
    Fault(
        "anybody says where they come from",
        "app/middleware/__init__.py",
        "trusted_hosts=list(app.trusted_proxies)",
        'trusted_hosts=["127.0.0.0/8"]',
        (f"{TESTS}::test_no_header_makes_another_address[X-Forwarded-For-32]",),
    ),
    Fault(
        "each address of IPv6 counts by itself",
        GUARD,
        "PREFIX = 64",
        "PREFIX = 128",
        (f"{TESTS}::test_a_network_of_ipv6_is_one_address",),
    ),
    Fault(
        "an account is limited by how it is typed",
        GUARD,
        "return login_key(stripped).encode",
        "return str(value).encode",
        (
            f"{SIGN_INS}::test_however_a_name_is_spelt_it_is_one_account[email]",
            f"{SIGN_INS}::test_however_a_name_is_spelt_it_is_one_account[username]",
        ),
    ),
    Fault(
        "a body of another type names no account",
        GUARD,
        '.partition(";")[0].strip().lower() in FORMS',
        '.find("form") >= 0',
        (f"{SIGN_INS}::test_no_type_of_a_body_hides_the_account[application/form+json]",),
    ),
    Fault(
        "credentials need no proof for a limit of their own",
        "app/api/dependencies/caller.py",
        "    except AppError:\n        return None\n",
        "    except AppError:\n        return token\n",
        (f"{TESTS}::test_credentials_that_are_not_valid_give_no_limit_of_their_own",),
    ),
    Fault(
        "who shares an address shares a limit",
        GUARD,
        "who = await user_of(request, resources) or _address_of(request)",
        "who = _address_of(request)",
        (f"{TESTS}::test_who_shares_an_address_does_not_share_a_limit",),
    ),
    Fault(
        "each process counts by itself",
        COUNTER,
        'return Window(f"rate_limit:{scope}:{who}"',
        'return Window(f"rate_limit:{scope}:{who}:{id(self)}"',
        (f"{TESTS}::test_of_many_at_once_the_limit_passes[user]",),
    ),
    Fault(
        "only the account counts at a sign-in",
        GUARD,
        "verdict = await limiter.take(windows)\n",
        "verdict = await limiter.take(windows[1:])\n",
        (f"{SIGN_INS}::test_many_accounts_are_tried_from_one_address",),
    ),
)
