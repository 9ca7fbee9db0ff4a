"""What a thief of the database or of the logs doesn't get."""

import base64

from httpx2 import Client

from tests.attacks.carriers import API
from tests.attacks.journeys import Journey, check, found
from tests.attacks.people import People, new_password


def test_no_secret_is_stored_or_logged(people: People) -> None:
    here, there = people.deployment.processes
    # The processes differ in what they log.
    for order in ((there, here), (here, there)):
        journey = Journey.begin(people, *order)
        journey.fail()
        journey.change()
        check(journey)
    journey.reset()
    check(journey)


def test_the_search_finds_what_is_planted(people: People, here: Client) -> None:
    _, session = people.register_and_sign_in()
    planted = [new_password() for _ in range(3)]
    forms = [planted[0], planted[1].encode().hex(), base64.b64encode(planted[2].encode()).decode()]
    named = {"full_name": " ".join(forms)}
    path = f"{API}/users/me"
    assert here.patch(path, json=named, headers=session.headers).status_code == 200
    logged = {**session.headers, "X-Request-ID": planted[0]}
    assert here.get(path, headers=logged).status_code == 200
    assert found([*planted, new_password()], people.deployment.stored()) == planted
    assert found([planted[0], new_password()], people.deployment.log()) == [planted[0]]
