"""Families of refresh tokens: reuse ends them, and nothing else does."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest
from httpx2 import Client, Response

from tests.attacks.carriers import TokenCarrier, TokenCredentials
from tests.attacks.deployment import Deployment
from tests.attacks.people import Account, People, at_once, is_in, refusal

INVALID = (401, "token_invalid")
REUSED = (401, "token_reused")
EXPIRED = (401, "token_expired")


@dataclass(frozen=True)
class Family:
    """One device's tokens, from the first pair on."""

    deployment: Deployment
    carrier: TokenCarrier
    account: Account
    first: TokenCredentials

    def present(self, process: Client, pair: TokenCredentials) -> Response:
        return self.carrier.refresh(process, pair.refresh_token)

    def refresh(self, process: Client, pair: TokenCredentials) -> TokenCredentials:
        """Spend a refresh token and return the pair that takes its place."""
        return self.carrier.credentials(self.present(process, pair))

    def is_revoked(self) -> bool:
        sql = "SELECT revoked_at IS NOT NULL FROM auth_sessions WHERE id = $1"
        return self.deployment.database.fetch(sql, self.first.session_id) == [(True,)]

    def end_grace(self) -> None:
        self.deployment.database.execute(
            "UPDATE refresh_tokens SET spent_at = spent_at - interval '1 hour' "
            "WHERE session_id = $1 AND spent_at IS NOT NULL",
            self.first.session_id,
        )

    def assert_dead(self, *pairs: TokenCredentials) -> None:
        """Check that neither half of a pair is worth anything on either process."""
        for pair in pairs:
            for process in self.deployment.processes:
                assert not is_in(process, pair)
                assert self.present(process, pair).status_code == 401


@pytest.fixture
def family(people: People, deployment: Deployment, carrier: TokenCarrier) -> Family:
    account = people.register()
    answer = carrier.log_in(deployment.here, account.email, account.password)
    return Family(deployment, carrier, account, carrier.credentials(answer))


def test_each_refresh_gives_a_new_pair_of_one_family(
    family: Family, here: Client, there: Client
) -> None:
    pairs = [family.first]
    for process in (there, here, there):
        pairs.append(family.refresh(process, pairs[-1]))
    assert len({pair.refresh_token for pair in pairs}) == len(pairs)
    assert len({pair.access_token for pair in pairs}) == len(pairs)
    assert {pair.session_id for pair in pairs} == {family.first.session_id}
    assert is_in(here, pairs[-1])
    assert is_in(there, pairs[-1])


def test_reuse_ends_the_family_on_every_process(
    family: Family, here: Client, there: Client
) -> None:
    second = family.refresh(here, family.first)
    third = family.refresh(there, second)
    assert is_in(there, third)
    assert refusal(family.present(here, family.first)) == REUSED
    assert not is_in(there, third)
    family.assert_dead(family.first, second, third)


def test_the_verdict_outlives_its_own_answer(family: Family, here: Client) -> None:
    family.refresh(here, family.refresh(here, family.first))
    assert not family.is_revoked()
    assert refusal(family.present(here, family.first)) == REUSED
    assert family.is_revoked()


def test_within_the_grace_a_parent_gets_the_same_child(
    family: Family, here: Client, there: Client
) -> None:
    child = family.refresh(here, family.first)
    again = family.refresh(there, family.first)
    assert again.refresh_token == child.refresh_token != family.first.refresh_token
    assert all(is_in(there, pair) for pair in (family.first, child, again))
    assert is_in(here, family.refresh(there, again))


def test_past_the_grace_a_parent_is_reuse(family: Family, here: Client, there: Client) -> None:
    child = family.refresh(here, family.first)
    assert family.refresh(there, family.first).refresh_token == child.refresh_token
    family.end_grace()
    assert is_in(there, child)
    assert refusal(family.present(there, family.first)) == REUSED
    family.assert_dead(child)


def test_a_parent_whose_child_is_spent_is_reuse(
    family: Family, here: Client, there: Client
) -> None:
    child = family.refresh(here, family.first)
    grandchild = family.refresh(there, child)
    assert family.refresh(here, child).refresh_token == grandchild.refresh_token
    assert refusal(family.present(there, family.first)) == REUSED
    family.assert_dead(child, grandchild)


def test_parallel_refreshes_neither_fork_nor_lock_out(family: Family, there: Client) -> None:
    parent = family.first
    for _ in range(3):
        answers = at_once(
            partial(family.present, process, parent) for process in family.deployment.processes * 10
        )
        assert [answer.status_code for answer in answers] == [200] * 20
        children = [family.carrier.credentials(answer) for answer in answers]
        assert len({child.refresh_token for child in children}) == 1
        assert all(is_in(there, child) for child in children)
        parent = children[0]
    unspent = family.deployment.database.fetch(
        "SELECT generation FROM refresh_tokens WHERE session_id = $1 AND spent_at IS NULL",
        family.first.session_id,
    )
    assert unspent == [(4,)]
    assert is_in(there, family.refresh(there, parent))


def test_parallel_reuse_is_one_verdict(family: Family, here: Client) -> None:
    latest = family.refresh(here, family.refresh(here, family.first))
    answers = at_once(
        partial(family.present, process, family.first)
        for process in family.deployment.processes * 10
    )
    assert {answer.status_code for answer in answers} == {401}
    assert REUSED in {refusal(answer) for answer in answers}
    family.assert_dead(latest)


def test_an_idle_family_ends(family: Family, here: Client, there: Client) -> None:
    child = family.refresh(here, family.first)
    family.deployment.database.execute(
        "UPDATE refresh_tokens SET expires_at = now() - interval '1 second' "
        "WHERE session_id = $1 AND spent_at IS NULL",
        family.first.session_id,
    )
    for process in (here, there):
        assert refusal(family.present(process, child)) == EXPIRED
    assert not family.is_revoked()


def test_use_keeps_a_family_from_idling(family: Family, here: Client) -> None:
    database, session_id = family.deployment.database, family.first.session_id
    database.execute(
        "UPDATE refresh_tokens SET expires_at = now() + interval '1 hour' WHERE session_id = $1",
        session_id,
    )
    family.refresh(here, family.first)
    lifetimes = database.fetch(
        "SELECT expires_at > now() + interval '6 days', expires_at <= now() + interval '7 days' "
        "FROM refresh_tokens WHERE session_id = $1 AND spent_at IS NULL",
        session_id,
    )
    assert lifetimes == [(True, True)]


def test_no_use_keeps_a_family_past_its_end(family: Family, here: Client) -> None:
    database, session_id = family.deployment.database, family.first.session_id
    bounded = "SELECT expires_at <= now() + interval '30 days' FROM auth_sessions WHERE id = $1"
    move = "UPDATE auth_sessions SET expires_at = now() + $2::interval WHERE id = $1"
    assert database.fetch(bounded, session_id) == [(True,)]
    database.execute(move, session_id, timedelta(hours=1))
    child = family.refresh(here, family.first)
    within = database.fetch(
        "SELECT t.expires_at <= s.expires_at FROM refresh_tokens t "
        "JOIN auth_sessions s ON s.id = t.session_id WHERE s.id = $1 AND t.spent_at IS NULL",
        session_id,
    )
    assert within == [(True,)]
    database.execute(move, session_id, timedelta(seconds=-1))
    family.assert_dead(child)


def test_a_spent_token_is_remembered_until_it_expires(family: Family, here: Client) -> None:
    child = family.refresh(here, family.first)
    family.end_grace()
    family.deployment.run("cleanup-tokens")
    assert is_in(here, child)
    assert refusal(family.present(here, family.first)) == REUSED
    family.assert_dead(child)


def test_a_spent_token_that_has_expired_ends_nothing(family: Family, here: Client) -> None:
    child = family.refresh(here, family.first)
    family.end_grace()
    family.deployment.database.execute(
        "UPDATE refresh_tokens SET expires_at = now() - interval '1 second' "
        "WHERE session_id = $1 AND spent_at IS NOT NULL",
        family.first.session_id,
    )
    assert refusal(family.present(here, family.first)) == EXPIRED
    assert is_in(here, family.refresh(here, child))


def test_made_up_tokens_end_nothing(family: Family, here: Client, there: Client) -> None:
    latest = family.refresh(here, family.refresh(here, family.first))
    session, generation, proof = latest.refresh_token.split(".")
    spent_proof = family.first.refresh_token.split(".")[-1]
    made_up = [
        *(f"{session}.{number}.{'0' * 64}" for number in range(6)),
        f"{session}.{generation}.{proof[::-1]}",
        f"{session}.{generation}.{spent_proof}",
        f"{session}.1.{proof}",
        f"{session}.999999999.{proof}",
        f"{session}.-{generation}.{proof}",
        f"{session}.{10**30}.{proof}",
        f"{uuid4()}.{generation}.{proof}",
        f"{latest.refresh_token}0",
        latest.refresh_token[:-1],
        f"{session}.{generation}.",
        "",
        "..",
    ]
    for token in made_up:
        for process in (here, there):
            assert refusal(family.carrier.refresh(process, token)) == INVALID, token
    assert is_in(there, latest)
    assert is_in(here, family.refresh(there, latest))


def test_what_is_reused_ends_no_other_family(
    people: People, family: Family, here: Client, there: Client
) -> None:
    _, theirs = people.register_and_sign_in()
    elsewhere = people.sign_in(family.account, client=there)
    latest = family.refresh(here, family.refresh(here, family.first))
    assert refusal(family.present(here, family.first)) == REUSED
    family.assert_dead(latest)
    for process in (here, there):
        assert is_in(process, theirs)
        assert is_in(process, elsewhere)


@pytest.mark.parametrize("end", ["revoked", "expired", "deactivated", "deleted"])
def test_an_unspent_token_of_what_has_ended_is_refused(
    end: str, family: Family, there: Client
) -> None:
    latest = family.refresh(there, family.first)
    assert is_in(there, latest)
    session_id, user_id = family.first.session_id, family.account.id
    statement, key = {
        "revoked": ("UPDATE auth_sessions SET revoked_at = now() WHERE id = $1", session_id),
        "expired": ("UPDATE auth_sessions SET expires_at = now() WHERE id = $1", session_id),
        "deactivated": ("UPDATE users SET is_active = false WHERE id = $1", user_id),
        "deleted": ("UPDATE users SET deleted_at = now() WHERE id = $1", user_id),
    }[end]
    family.deployment.database.execute(statement, key)
    family.assert_dead(latest)
