from datetime import UTC, datetime, timedelta
from uuid import UUID
from xml.etree import ElementTree as ET

import pyotp
import pytest
from pydantic import SecretStr

from app.core.config.app import TITLE
from app.core.config.mfa import MfaSettings
from app.core.security.mfa import (
    ALPHABET,
    TotpSecrets,
    draw_qr_code,
    is_totp,
    new_recovery_codes,
    new_secret,
    provisioning_uri,
    recovery_digest,
    step_of,
)
from tests.fixtures.api import PRODUCTION, faults, load

NOW = datetime(2026, 1, 31, 12, 0, 15, tzinfo=UTC)
ADA, GRACE = UUID(int=1), UUID(int=2)
OLD, NEW = "7a1c" * 4 + "9d3e5f80" * 2, "b4e6" * 4 + "20718c9f" * 2
# Of the test vectors of RFC 6238, appendix B, for SHA-1, in its last six digits.
RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
RFC_CODES = {59: "287082", 1111111109: "081804", 1234567890: "005924", 20000000000: "353130"}


def secrets(*keys: str) -> TotpSecrets:
    return TotpSecrets(MfaSettings(secret_keys=SecretStr(",".join(keys))))


@pytest.mark.parametrize(("seconds", "code"), RFC_CODES.items())
def test_codes_are_those_of_the_rfc(seconds: int, code: str) -> None:
    assert step_of(RFC_SECRET, code, datetime.fromtimestamp(seconds, UTC)) == seconds // 30


@pytest.mark.parametrize(
    ("steps", "accepted"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_codes_of_the_neighbouring_steps_are_accepted_and_no_others(
    steps: int, accepted: bool
) -> None:
    code = pyotp.TOTP(RFC_SECRET).at(NOW, counter_offset=steps)
    step = int(NOW.timestamp()) // 30 + steps
    assert step_of(RFC_SECRET, code, NOW) == (step if accepted else None)
    for seconds in (-15, 14):  # the ends of the half minute
        moment = NOW + timedelta(seconds=seconds)
        assert (step_of(RFC_SECRET, code, moment) is not None) == accepted


@pytest.mark.parametrize(
    ("typed", "is_one"),
    [("123456", True), ("123 456", True), ("12345", False), ("1234567", False), ("abcdef", False)],
)
def test_codes_of_an_app_are_told_from_the_others(typed: str, is_one: bool) -> None:
    assert is_totp(typed) == is_one


def test_a_code_may_be_typed_with_a_space() -> None:
    code = pyotp.TOTP(RFC_SECRET).at(NOW)
    assert step_of(RFC_SECRET, f"{code[:3]} {code[3:]}", NOW)
    assert not step_of(RFC_SECRET, code[:5], NOW)


def test_a_secret_is_long_and_never_the_same() -> None:
    drawn = {new_secret() for _ in range(20)}
    assert len(drawn) == 20
    assert {len(pyotp.TOTP(secret).byte_secret()) for secret in drawn} == {20}


def test_a_secret_is_encrypted_for_its_owner() -> None:
    box = secrets(OLD)
    encrypted = box.encrypt(RFC_SECRET, ADA)
    assert RFC_SECRET not in encrypted
    assert encrypted != box.encrypt(RFC_SECRET, ADA)
    assert box.decrypt(encrypted, ADA) == RFC_SECRET
    assert box.decrypt(encrypted, GRACE) is None
    assert box.decrypt(encrypted[:-8] + "AAAAAAA=", ADA) is None


def test_the_first_key_encrypts_and_all_decrypt() -> None:
    old, both, new = secrets(OLD), secrets(NEW, OLD), secrets(NEW)
    before, after = old.encrypt(RFC_SECRET, ADA), both.encrypt(RFC_SECRET, ADA)
    assert [box.decrypt(before, ADA) for box in (old, both, new)] == [RFC_SECRET, RFC_SECRET, None]
    assert [box.decrypt(after, ADA) for box in (old, both, new)] == [None, RFC_SECRET, RFC_SECRET]
    assert [both.is_current(secret) for secret in (before, after)] == [False, True]


def test_recovery_codes_are_drawn_from_letters_that_nobody_mistakes() -> None:
    codes = new_recovery_codes()
    assert len(set(codes)) == 10
    for code in codes:
        groups = code.split("-")
        assert [len(group) for group in groups] == [5, 5, 5]
        assert set("".join(groups)) <= set(ALPHABET)
        assert not is_totp(code)
    assert len(ALPHABET) == 32
    assert not set("ilou") & set(ALPHABET)


def test_a_recovery_code_is_the_same_however_it_is_typed_and_bound_to_its_owner() -> None:
    stored = recovery_digest("k7fq0-m9x41-2zv3t", ADA)
    same = ("K7FQ0-M9X41-2ZV3T", "k7fq0m9x412zv3t", " k7fqo-m9x4l 2zv3t ", "K7FQO M9X4I2ZV3T")
    for typed in same:
        assert recovery_digest(typed, ADA) == stored
    assert recovery_digest("k7fq0-m9x41-2zv3t", GRACE) != stored
    assert recovery_digest("k7fq0-m9x41-2zv3s", ADA) != stored


def test_an_app_reads_what_it_needs_from_the_uri() -> None:
    uri = provisioning_uri(RFC_SECRET, account="ada+x@example.com", issuer="A & B: <Co>")
    read = pyotp.parse_uri(uri)
    assert isinstance(read, pyotp.TOTP)
    assert (read.secret, read.name, read.issuer) == (RFC_SECRET, "ada+x@example.com", "A & B  <Co>")
    assert read.at(NOW) == pyotp.TOTP(RFC_SECRET).at(NOW)


def test_a_qr_code_is_an_inert_image_also_for_the_longest_address() -> None:
    longest = "\N{GRINNING FACE}" * 320
    for account in ("ada@example.com", longest):
        uri = provisioning_uri(RFC_SECRET, account=account, issuer="\N{GRINNING FACE}" * 50)
        image = ET.fromstring(draw_qr_code(uri))
        names = {element.tag.rpartition("}")[2] for element in image.iter()}
        assert image.tag == "{http://www.w3.org/2000/svg}svg"
        assert names == {"svg", "g", "path"}
        attributes = {name for element in image.iter() for name in element.attrib}
        assert attributes <= {"width", "height", "transform", "fill", "stroke", "d"}


def test_keys_are_checked_one_by_one_and_never_shown() -> None:
    both = load(PRODUCTION | {"MFA_SECRET_KEYS": f" {NEW} , {OLD},"}).mfa
    assert both.keys == [NEW, OLD]
    assert both.issuer == TITLE
    assert NEW not in repr(both) + both.model_dump_json()
    for keys in (f"{NEW},tooshort-5d0e7f", "tooshort-5d0e7f", ","):
        [fault] = faults(PRODUCTION | {"MFA_SECRET_KEYS": keys})
        assert fault.startswith("MFA_SECRET_KEYS: ")
        assert "5d0e7f" not in fault


def test_no_key_is_used_twice() -> None:
    [fault] = faults(PRODUCTION | {"MFA_SECRET_KEYS": PRODUCTION["APP_SECRET_KEY"]})
    assert fault == "MFA_SECRET_KEYS repeats the value of APP_SECRET_KEY."
    [fault] = faults(PRODUCTION | {"MFA_SECRET_KEYS": f"{NEW},{NEW}"})
    assert fault == "MFA_SECRET_KEYS repeats the value of MFA_SECRET_KEYS."
