"""The measure of cost: a bare FastAPI application with async SQLAlchemy, on the tables of a render.

It is what tutorials show, without middleware, log, sessions that can be revoked, or checks of
input beyond types. Its answers are those of the render, so that both are asked alike.
"""

import os
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID, uuid4

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import OAuth2PasswordBearer
from passlib.context import CryptContext
from pydantic import BaseModel, ConfigDict
from sqlalchemy import DateTime, func, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

KEY = secrets.token_hex(32)
URL = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://")

engine = create_async_engine(URL, pool_size=20)
sessions = async_sessionmaker(engine, expire_on_commit=False)
passwords = CryptContext(["argon2"])
app = FastAPI()


class Base(DeclarativeBase):
    type_annotation_map = {datetime: DateTime(timezone=True)}  # noqa: RUF012


class User(Base):
    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str]
    username: Mapped[str | None]
    full_name: Mapped[str | None]
    hashed_password: Mapped[str]
    role: Mapped[str]
    is_active: Mapped[bool]
    email_verified_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Item(Base):
    __tablename__ = "items"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    owner_id: Mapped[UUID]
    title: Mapped[str]
    description: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC))
    updated_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC))


class View(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class UserView(View):
    id: UUID
    email: str
    username: str | None
    full_name: str | None
    role: str
    is_active: bool
    email_verified_at: datetime | None
    created_at: datetime
    updated_at: datetime


class ItemCreate(BaseModel):
    title: str
    description: str | None = None


class ItemView(View):
    id: UUID
    owner_id: UUID
    title: str
    description: str | None
    created_at: datetime
    updated_at: datetime


class ItemPage(View):
    items: list[ItemView]
    total: int
    page: int
    page_size: int
    pages: int


class Credentials(BaseModel):
    username: str
    password: str


async def open_session() -> AsyncIterator[AsyncSession]:
    async with sessions() as session:
        yield session


DbSession = Annotated[AsyncSession, Depends(open_session)]
Token = Annotated[str, Depends(OAuth2PasswordBearer(tokenUrl="/api/v1/auth/login"))]


async def current_user(session: DbSession, token: Token) -> User:
    payload = jwt.decode(token, KEY, algorithms=["HS256"])
    user = await session.get(User, UUID(payload["sub"]))
    if user is None or not user.is_active:
        raise HTTPException(401)
    return user


CurrentUser = Annotated[User, Depends(current_user)]


@app.get("/health/live")
@app.get("/health/ready")
async def health() -> dict[str, str]:
    return {"status": "healthy"}


@app.post("/api/v1/auth/login")
async def login(body: Credentials, session: DbSession) -> dict[str, str]:
    user = await session.scalar(select(User).where(User.email == body.username))
    if user is None or not passwords.verify(body.password, user.hashed_password):
        raise HTTPException(401)
    claims = {"sub": str(user.id), "exp": datetime.now(UTC) + timedelta(hours=1)}
    return {"access_token": jwt.encode(claims, KEY, "HS256")}


@app.get("/api/v1/users/me", response_model=UserView)
async def get_me(user: CurrentUser) -> User:
    return user


@app.get("/api/v1/items", response_model=ItemPage)
async def list_items(
    _: CurrentUser, session: DbSession, page: int = 1, page_size: int = 20
) -> dict[str, Any]:
    total = await session.scalar(select(func.count()).select_from(Item)) or 0
    newest = select(Item).order_by(Item.created_at.desc(), Item.id.desc())
    rows = await session.scalars(newest.limit(page_size).offset((page - 1) * page_size))
    pages = -(-total // page_size)
    return {
        "items": rows.all(),
        "total": total,
        "page": page,
        "page_size": page_size,
        "pages": pages,
    }


@app.post("/api/v1/items", response_model=ItemView, status_code=201)
async def create_item(body: ItemCreate, user: CurrentUser, session: DbSession) -> Item:
    item = Item(owner_id=user.id, **body.model_dump())
    session.add(item)
    await session.commit()
    await session.refresh(item)
    return item
