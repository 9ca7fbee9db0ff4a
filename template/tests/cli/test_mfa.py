from httpx2 import AsyncClient

from tests.fixtures import carrier
from tests.fixtures.api import VARIABLES, Account, Run, load, running
from tests.fixtures.database import Database
from tests.fixtures.second_factor import VERIFY, Factor, challenge, enrol, wait

NEW = "9a2f6c1e8d3b7054" * 2


async def test_an_operator_lets_in_who_has_lost_the_factor(
    run: Run, client: AsyncClient, user: Account, factor: Factor, database: Database
) -> None:
    await challenge(client, user)
    nobody = await run("mfa", "reset", "nobody")
    assert (nobody.exit_code, nobody.stderr) == (1, "Nobody has the name or the address nobody.\n")
    result = await run("mfa", "reset", "ada")
    assert (result.exit_code, result.stdout) == (0, "ada signs in without a code.\n")
    await carrier.log_in(client, user)
    for table in ("mfa_totp", "mfa_recovery_codes", "mfa_challenges"):
        assert await database.count(table) == 0
    again = await run("mfa", "reset", user.email)
    assert (again.exit_code, again.stdout) == (0, "ada@example.com has no second factor.\n")


async def test_keys_are_replaced_while_people_sign_in(
    run: Run,
    client: AsyncClient,
    user: Account,
    factor: Factor,
    admin_client: AsyncClient,
    environment: dict[str, str],
    database: Database,
) -> None:
    old = VARIABLES["MFA_SECRET_KEYS"]
    other = await enrol(admin_client)
    encrypted = "SELECT secret_encrypted FROM mfa_totp ORDER BY id"
    before = await database.fetch(encrypted)

    lost = await run("mfa", "rotate-keys", MFA_SECRET_KEYS=NEW)
    assert (lost.exit_code, lost.stdout) == (1, "")
    assert lost.stderr == "No key reads 2 of the secrets: is one missing?\n"
    assert await database.fetch(encrypted) == before

    done = "The first key of MFA_SECRET_KEYS reads all secrets.\n"
    for keys in (f"{NEW},{old}", f"{NEW},{old}", NEW):
        result = await run("mfa", "rotate-keys", MFA_SECRET_KEYS=keys)
        assert (result.exit_code, result.stdout) == (0, done)
    after = await database.fetch(encrypted)
    assert not set(before) & set(after)

    await wait(database)
    for keys, status in ((old, 401), (f"{NEW},{old}", 200)):
        async with (
            running(load(environment | {"MFA_SECRET_KEYS": keys})) as api,
            api.client() as device,
        ):
            body = {"challenge": await challenge(device, user), "code": factor.code()}
            answer = await carrier.present(device, VERIFY, body)
            assert answer.status_code == status, answer.text
    assert other.secret not in str(after)
