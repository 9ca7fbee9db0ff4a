"""Tokens that are refreshed, reused or put in the wrong place are written down nowhere."""

from tests.attacks.carriers import API, TokenCarrier, bearer
from tests.attacks.journeys import Journey, check
from tests.attacks.people import People, is_in, refusal


def test_no_token_is_stored_or_logged(people: People, carrier: TokenCarrier) -> None:
    here, there = people.deployment.processes
    journey = Journey.begin(people, here, there)
    pair = carrier.credentials(carrier.log_in(here, journey.account.email, journey.passwords[0]))
    pairs = [pair]
    for process in (here, there, here):
        pairs.append(carrier.credentials(carrier.refresh(process, pairs[-1].refresh_token)))
    token = pairs[-1].access_token
    assert is_in(here, pairs[-1])
    assert here.get(f"{API}/users/me", params={"access_token": token}).status_code == 401
    assert here.get(f"{API}/users/me", headers=bearer(token[:-6])).status_code == 401
    assert refusal(carrier.refresh(there, pair.refresh_token)) == (401, "token_reused")
    assert refusal(carrier.refresh(here, token)) == (401, "token_invalid")
    for each in pairs:
        journey.note(each)
    check(journey)
