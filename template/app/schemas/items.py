from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from app.schemas.base import CommaSeparated, Line, PageQuery, Schema, Text, View

Title = Annotated[Line, Field(min_length=1, max_length=200, examples=["Analytical engine"])]
Description = Annotated[Text, Field(max_length=10_000, examples=["Weaves algebraic patterns."])]


class ItemCreate(Schema):
    title: Title
    description: Description | None = None


class ItemUpdate(Schema):
    """What is left out stays; a description of null is removed."""

    title: Title = ""
    description: Description | None = None


class ItemView(View):
    id: UUID
    owner_id: UUID
    title: str
    description: str | None
    created_at: datetime
    updated_at: datetime


class ItemSort(StrEnum):
    TITLE = "title"
    TITLE_DESCENDING = "-title"
    CREATED_AT = "created_at"
    CREATED_AT_DESCENDING = "-created_at"


class ItemQuery(PageQuery):
    sort: Annotated[tuple[ItemSort, ...], CommaSeparated, Field(max_length=4)] = (
        ItemSort.CREATED_AT_DESCENDING,
    )
    title: Annotated[Line | None, Field(max_length=200)] = None
    owner_id: UUID | None = None


class ItemSearch(PageQuery):
    q: Annotated[Line, Field(min_length=1, max_length=200)]
