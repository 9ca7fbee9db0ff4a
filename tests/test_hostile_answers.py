"""Whatever people answer, the files are valid or the answer is refused with a sentence."""

import re
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.checks.formatting import formatting_faults, lint_faults
from tests.checks.syntax import syntax_faults
from tests.matrix.environment import Environment, requirements_of
from tests.matrix.questions import Answers, asked, configuration
from tests.matrix.renders import Renders
from tests.matrix.terminals import COLUMNS

TEXTS = [name for name, question in asked().items() if not question.choices]
HOSTILE = {
    "apostrophe": "Bob's API",
    "backslash": "back\\slash \\n \\u0041",
    "backtick": "`id`",
    "bidi": "abc\u202edef",
    "braces": "{{ project_slug }} {% raw %} {# gone #} {x}",
    "bom": "\ufeffMy API",
    "carriage return": "one\rtwo",
    "cjk": "本当に長い名前のエーピーアイです本当に長い名前の",
    "command": "$(id) $HOME ${HOME}",
    "comment": "# @if items",
    "colon": "key: value, [a, b] & *c !d %e @f",
    "control": "a\x07b",
    "digits": "007",
    "double quotes": 'The "best" API',
    "emoji": "Rocket 🚀 API",
    "empty": "",
    "html": "<script>alert(1)</script>",
    "long": "a" * 300,
    "newline": "one\ntwo = 3",
    "next line": "a\x85b",
    "no": "no",
    "nul": "a\0b",
    "null": "null",
    "quotes": '"\'\'\'"""',
    "separator": "a\u2028b",
    "spaces": "  padded  ",
    "surrogate": "\ud83d",
    "tag": "</title>--> ]]>",
    "trailing newline": "My API\n",
    "traversal": "../../etc/passwd",
    "true": "true",
    "umlaut": "Übergrößenträger",
}


def refusal_of(question: str, value: str, renders: Renders) -> str | None:
    try:
        renders.ask({question: value})
    except ValueError as refusal:
        return str(refusal)
    return None


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text(hostile: str, renders: Renders, environment: Environment) -> None:
    accepted: Answers = {}
    for question in TEXTS:
        if refusal := refusal_of(question, HOSTILE[hostile], renders):
            assert re.match(f"Validation error for question '{question}': Use [^\n]+$", refusal)
            assert len(refusal) <= COLUMNS
        else:
            accepted[question] = HOSTILE[hostile]
    render = renders.get(accepted)
    assert syntax_faults(render) == []
    assert formatting_faults(render, environment) == []
    assert lint_faults(render, environment) == []
    recorded = yaml.safe_load((render.path / ".copier-answers.yml").read_text())
    assert {question: recorded[question] for question in accepted} == accepted


@pytest.mark.parametrize(
    ("question", "accepted"),
    [
        ("project_name", "Bob's API"),
        ("project_name", "Rocket 🚀 API"),
        ("project_name", "Übergrößenträger"),
        ("project_description", 'The "best" API \\o/ {{ really }} 🚀'),
        ("project_slug", "a"),
        ("project_slug", "a" * 63),
        ("author_name", "Ada O'Neil & Söhne"),
        ("author_email", "ada+mainstay@mail.example.com"),
    ],
)
def test_harmless_text_is_accepted(question: str, accepted: str, renders: Renders) -> None:
    assert renders.ask({question: accepted})[question] == accepted


def test_description_survives_the_way_into_the_package(renders: Renders) -> None:
    description = 'A "quoted" \\ backslash, {{ braces }} and 🚀'
    render = renders.get({"project_description": description})
    project = tomllib.loads((render.path / "pyproject.toml").read_text())["project"]
    assert project["description"] == description


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("My API", "my-api"),
        ("3D Printing & Co.", "d-printing-co"),
        ("本当", "my-api"),
        ("Bob's", "bob-s"),
        ("a" * 40, "a" * 40),
    ],
)
def test_slug_follows_the_name(name: str, slug: str, renders: Renders) -> None:
    assert renders.ask({"project_name": name})["project_slug"] == slug


@pytest.mark.parametrize(
    ("question", "value", "sentence"),
    [
        ("project_name", "a" * 41, "Use 1 to 40 characters."),
        ("project_name", "-api", "Use a letter or a digit first."),
        ("project_slug", "", "Use 1 to 63 characters."),
        ("project_slug", "a" * 64, "Use 1 to 63 characters."),
        ("project_slug", "My-Api", "Use a-z, 0-9 and -, like my-api."),
        ("project_slug", "a_b", "Use a-z, 0-9 and -, like my-api."),
        ("project_slug", "a.b", "Use a-z, 0-9 and -, like my-api."),
        ("project_slug", "a/b", "Use a-z, 0-9 and -, like my-api."),
        ("project_slug", "1api", "Use a letter first, like my-api."),
        ("project_slug", "-api", "Use a letter first, like my-api."),
        ("project_slug", "api-", "Use no hyphen at the end."),
        ("project_description", "a" * 201, "Use 1 to 200 characters."),
        ("author_name", "a" * 81, "Use at most 80 characters."),
        ("author_name", "-ada", "Use a letter or a digit first."),
        ("author_name", "Ada, Countess", 'Use none of "\\`$<>{}[]|*,@'),
        ("author_email", "ada@example", "Use one like ada@example.com."),
    ],
)
def test_each_rule_has_its_sentence(
    question: str, value: str, sentence: str, renders: Renders
) -> None:
    refusal = refusal_of(question, value, renders)
    assert refusal == f"Validation error for question '{question}': {sentence}"
    assert len(refusal) <= COLUMNS


@pytest.mark.parametrize(
    ("question", "value"),
    [("python_version", "3.10"), ("license", "GPL"), ("preset", "../starter"), ("ci", "")],
)
def test_unknown_choice_is_refused(question: str, value: str, renders: Renders) -> None:
    with pytest.raises(ValueError, match=f"Invalid choice for '{question}'"):
        renders.ask({question: value})


def test_names_of_dependencies_are_refused(renders: Renders) -> None:
    # uv and pip refuse a project that depends on a package of its own name.
    requirements = requirements_of(renders.get({"preset": "starter"}))
    names = {canonicalize_name(Requirement(each).name) for each in requirements}
    assert names <= set(configuration()["reserved_slugs"]["default"])
    with pytest.raises(ValueError, match="Use another: a dependency has it"):
        renders.ask({"project_slug": "fastapi"})
