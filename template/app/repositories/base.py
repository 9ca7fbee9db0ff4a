"""What all repositories share: the generic verbs, and pages with their total in one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    UnaryExpression,
    delete,
    func,
    select,
    true,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlalchemy.orm.exc import StaleDataError

from app.core.exceptions import NotFound
from app.db.base import Base, Entity
from app.schemas.base import PageQuery

Model = TypeVar("Model", bound=Entity)


@dataclass(frozen=True, slots=True)
class Slice(Generic[Model]):
    """The rows of one page, and how many there are in all."""

    rows: list[Model]
    total: int


class Repository(Generic[Model]):
    """SQL for one table. Writes are flushed; the commit belongs to the use case."""

    model: type[Model]

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def find(self, key: UUID) -> Model | None:
        return await self.session.get(self.model, key)

    async def get(self, key: UUID) -> Model:
        """Return the row; raise `NotFound` if there is none."""
        row = await self.find(key)
        if row is None:
            raise NotFound
        return row

    async def create(self, row: Model) -> Model:
        self.session.add(row)
        await self.session.flush()
        return row

    async def update(self, row: Model) -> Model:
        """Write the changes of a row; raise `NotFound` if it was deleted in the meantime."""
        try:
            await self.session.flush()
        except StaleDataError:
            raise NotFound from None
        return row

    async def delete(self, row: Model) -> None:
        """Delete a row; raise `NotFound` if somebody else was faster."""
        statement = delete(self.model).where(self.model.id == row.id).returning(self.model.id)
        if await self.session.scalar(statement) is None:
            raise NotFound

    async def page(
        self, statement: Select[Model], query: PageQuery, sort: Sequence[str]
    ) -> Slice[Model]:
        """Return a page and the total, which a page past the end keeps.

        `sort` names columns, `-` in front for descending; the id settles ties.
        """
        page = (
            statement.order_by(*_order(self.model, sort))
            .limit(query.page_size)
            .offset((query.page - 1) * query.page_size)
            .subquery("page")
        )
        count = statement.with_only_columns(func.count().label("total"), maintain_column_froms=True)
        total = count.subquery("total")
        row = aliased(self.model, page)
        found = await self.session.execute(
            select(total.c.total, row)
            .select_from(total.outerjoin(page, true()))
            .order_by(*_order(row, sort))
        )
        pairs = found.all()
        return Slice([row for _, row in pairs if row is not None], pairs[0][0])


async def delete_where(
    session: AsyncSession, model: type[Base], *conditions: ColumnElement[bool]
) -> int:
    """Delete the rows of a table that meet all conditions; return how many."""
    found = await session.scalars(delete(model).where(*conditions).returning(true()))
    return len(found.all())


def _order(model: type[Model], sort: Sequence[str]) -> list[UnaryExpression[object]]:
    names = (*sort, "-id")
    columns = [(getattr(model, name.removeprefix("-")), name.startswith("-")) for name in names]
    return [column.desc() if descending else column.asc() for column, descending in columns]
