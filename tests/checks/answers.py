"""Every answer that the template uses is a question's, and every question's answer is used."""

from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment
from jinja2.meta import find_undeclared_variables

from tests.checks.conditionals import sources
from tests.matrix.questions import configuration, questions

PROVIDED_BY_COPIER = {"_copier_answers", "_copier_conf"}


def answer_faults(root: Path) -> list[str]:
    environment = _jinja(root)
    declared = set(questions(root))
    used: set[str] = set()
    faults = []
    for place, text in _rendered_texts(root):
        names = find_undeclared_variables(environment.parse(text)) - PROVIDED_BY_COPIER
        faults += [f"{place} uses {name}, which is no answer" for name in sorted(names - declared)]
        used |= names - {place}  # a question's own validator is no use of its answer
    unused = sorted(declared - used - _recorded(root))
    return faults + [f"{name} is answered, but nothing uses it" for name in unused]


def _recorded(root: Path) -> set[str]:
    """Return the answers that are only kept, so that no later default changes a project."""
    return {
        question.name
        for question in questions(root).values()
        if question.latched and "{{" not in str(configuration(root)[question.name]["default"])
    }


def _jinja(root: Path) -> Environment:
    """Return an environment that reads the template as Copier does, with the filters it offers."""
    return Environment(
        autoescape=True,
        extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension"],
        line_statement_prefix=configuration(root)["_envops"]["line_statement_prefix"],
    )


def _rendered_texts(root: Path) -> Iterator[tuple[str, str]]:
    """Yield what Copier renders, and where: files, their names, and the texts of `copier.yml`."""
    template = root / "template"
    for path in sources(template):
        name = path.relative_to(template).as_posix()
        yield name, name
        if path.suffix == ".jinja":
            yield name, path.read_text()
    for question in questions(root).values():
        yield from ((question.name, text) for text in question.texts)
    for setting, value in configuration(root).items():
        if setting.startswith("_message"):
            yield setting, value
        elif setting == "_exclude":
            yield from ((setting, entry) for entry in value)
