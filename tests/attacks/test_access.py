"""Every route of the document, as everybody, on what belongs to somebody else."""

from httpx2 import Client, Response

from tests.attacks.access import FORMS, QUERIES, ROLES, Access, Role, Scene, table
from tests.attacks.carriers import API
from tests.attacks.people import People

METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}


def documented(client: Client) -> dict[str, set[str]]:
    """Return the methods of each path of the document."""
    paths = client.get("/openapi.json").json()["paths"]
    return {path: {method.upper() for method in paths[path]} for path in paths}


def access_to(people: People, route: str) -> Access:
    return table(people.deployment.target.kind)[route]


def ask(people: People, client: Client, route: str, role: Role, scene: Scene) -> Response:
    method, template = route.split()
    actor, access = scene.actor(role), access_to(people, route)
    body = access.body(scene, actor) if access.body else None
    return client.request(
        method,
        scene.path(template),
        params=QUERIES.get(route),
        headers=actor.session.headers if actor else people.carrier.nobody(client),
        data=body if route in FORMS else None,
        json=body if route not in FORMS else None,
    )


def traces(people: People, scene: Scene) -> list[str]:
    """Return every row that names the owner or a session of theirs."""
    account = scene.owner.account
    database = people.deployment.database
    sessions = database.fetch("SELECT id::text FROM auth_sessions WHERE user_id = $1", account.id)
    names = [account.id, *(session_id for (session_id,) in sessions)]
    rows = (f"{table}{row}" for table, rows in database.dump().items() for row in rows)
    return sorted(row for row in rows if any(name in row for name in names))


def check(people: People, route: str, role: Role, scene: Scene) -> None:
    access = access_to(people, route)
    before = traces(people, scene)
    assert before
    answer = ask(people, people.deployment.there, route, role, scene)
    assert (role, answer.status_code) == (role, access.status(role)), answer.text
    assert (traces(people, scene) != before) == (role in access.changes), role
    if role in {"anonymous", "other"} - access.changes:
        assert scene.owner.account.email not in answer.text


def test_the_table_names_every_route(kind: str, here: Client) -> None:
    served = {
        f"{method} {path}" for path, methods in documented(here).items() for method in methods
    }
    assert served - table(kind).keys() == set()
    assert table(kind).keys() - served == set()


def test_no_route_takes_a_method_that_is_not_documented(people: People, here: Client) -> None:
    scene = Scene.make(people)
    for path, methods in documented(here).items():
        for method in METHODS - methods:
            answer = here.request(method, scene.path(path), headers=scene.admin.session.headers)
            # 404 and 422 where another path has a parameter in this place, which names nothing so.
            assert answer.status_code in {404, 405, 422}, f"{method} {path}"


def test_no_spelling_of_a_path_passes_by(people: People, here: Client) -> None:
    scene = Scene.make(people)
    path = f"{API}/users"
    spellings = [
        path,
        f"{path}/",
        f"{path}//",
        path.replace("/users", "//users"),
        path.replace("/users", "/./users"),
        path.replace("/users", "/items/../users"),
        path.upper(),
        path.replace("users", "%75sers"),
        f"{path}%2f",
        f"{path};admin",
        f"{path}?role=admin",
        f"/{path}",
    ]

    def get(spelling: str, headers: dict[str, str]) -> int:
        # As the bytes of a target, which no client mends.
        target = {"target": spelling.encode()}
        return here.get("/", headers=headers, extensions=target).status_code

    assert get(f"{path}/", scene.admin.session.headers) == 200
    for spelling in spellings:
        assert get(spelling, {}) in {401, 404}, spelling
        assert get(spelling, scene.other.session.headers) in {403, 404}, spelling


def test_access(route: str, people: People) -> None:
    access = access_to(people, route)
    unharmed = [role for role in ROLES if role not in access.changes]
    scene = Scene.make(people)
    for role in unharmed:
        check(people, route, role, scene)
        if access.status(role) < 400 and not route.startswith("GET "):
            scene = Scene.make(people)
    for role in ROLES:
        if role in access.changes:
            check(people, route, role, Scene.make(people))
