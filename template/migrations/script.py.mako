<%!
import json


def literal(value):
    """Render an identifier, or several, as the formatter would."""
    if isinstance(value, (list, tuple)):
        return "(" + ", ".join(json.dumps(part) for part in value) + ("," * (len(value) == 1)) + ")"
    return json.dumps(value) if value else "None"


def body(code):
    """Leave out Alembic's banners around generated operations."""
    lines = [line for line in (code or "").splitlines() if not line.lstrip().startswith("# ###")]
    return "\n".join(lines).strip() or "pass"


def sentence(message):
    return message.replace("\\", "\\\\").replace('"""', "'''").strip().removesuffix(".") + "."
%>\
"""${sentence(message)}"""

% if "sa." in body(upgrades) + body(downgrades):
import sqlalchemy as sa
% endif
from alembic import op
% if imports:
${imports}
% endif

revision: str = ${literal(up_revision)}
down_revision: str | tuple[str, ...] | None = ${literal(down_revision)}
branch_labels: tuple[str, ...] | None = ${literal(branch_labels)}
depends_on: str | tuple[str, ...] | None = ${literal(depends_on)}


def upgrade() -> None:
    ${body(upgrades)}


def downgrade() -> None:
    ${body(downgrades)}
