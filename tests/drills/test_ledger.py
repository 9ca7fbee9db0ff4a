"""The ledger says what of the acknowledged is not there, and what is there twice."""

from tests.drills.traffic import Answer, losses


def wrote(key: str, made: str, status: int = 201) -> Answer:
    return Answer("write", 0, begun=0.0, seconds=0.1, status=status, key=key, made=made)


def test_what_is_there_once_is_well() -> None:
    # What got no answer may have taken effect or not.
    answers = [wrote("a", "1"), wrote("b", "", 0), wrote("c", "", 503)]
    assert losses(answers, [("1", "a"), ("2", "b")]) == []


def test_what_is_lost_or_doubled_is_told() -> None:
    assert losses([wrote("a", "1")], []) == ["acknowledged and lost: 1 with the key a"]
    assert losses([wrote("a", "1")], [("2", "a")]) != []
    assert losses([wrote("a", "1")], [("1", "a"), ("2", "a")]) == ["made 2 times: a"]
