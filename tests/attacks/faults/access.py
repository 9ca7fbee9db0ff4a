"""Faults in who may do what, and in what is written down."""

from tests.attacks.faults.fault import Fault

SESSIONS = "app/repositories/auth.py"
LOCKOUT = "app/services/lockout.py"
USERS = "app/services/users.py"

FAULTS = (
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
        "            if not principal.may(MANAGE_USERS):\n",
        "            if not principal.id:\n",
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
        ("test_token_secrets.py::test_no_token_is_stored_or_logged",),
    ),
)
