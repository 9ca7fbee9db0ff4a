from tests.matrix.rows import Choice, factors, missing_pairs, pair_choices


def test_pair_that_no_row_meets() -> None:
    space: dict[str, list[str | bool]] = {"a": [True, False], "b": ["x", "y"]}
    choices: list[Choice] = [{"a": True, "b": "x"}, {"a": False, "b": "y"}, {"a": True, "b": "y"}]
    assert missing_pairs(choices, space) == [(("a", False), ("b", "x"))]


def test_choice_without_a_row() -> None:
    space = factors()
    space["license"] = [*space["license"], "GPL-3.0-only"]
    missing = missing_pairs(pair_choices(), space)
    assert missing
    assert all(("license", "GPL-3.0-only") in pair for pair in missing)
