"""People, and where they are signed in."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, Id, new_id, one_of
from portal.models.shared import Edited

ROLES = ("owner", "admin", "developer", "viewer", "operator")


class User(Edited, Base):
    """A member. ``email_key``: the address in the form by which it is unique.

    ``removed_at``: may not sign in any more. The row stays, because records say who it was.
    """

    __tablename__ = "users"
    __table_args__ = (one_of("role", ROLES),)

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    email: Mapped[str] = mapped_column(String(254))
    email_key: Mapped[str] = mapped_column(String(300), unique=True)
    name: Mapped[str | None] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(20))
    password_hash: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


class SignInSession(Base):
    """One browser in which somebody is signed in. Its row is removed at sign-out: that ends it at once."""

    __tablename__ = "sign_ins"
    __table_args__ = (Index(None, "user_id"), Index(None, "expires_at"))

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    address: Mapped[str | None] = mapped_column(String(64))
    user_agent: Mapped[str | None] = mapped_column(String(300))
