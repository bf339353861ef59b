"""Links by which people come in: a new member's first, and a member's new password."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, Id, new_id, one_of
from portal.models.user import ROLES


class Invitation(Base):
    """A link, by the hash of its token: used once, or withdrawn, or run out.

    ``user_id``: the member who sets a new password with it; None: a new member, who gets ``role`` and ``team_ids``.
    """

    __tablename__ = "invitations"
    __table_args__ = (one_of("role", ROLES), Index(None, "created_at", "id"), Index(None, "user_id"))

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    email: Mapped[str] = mapped_column(String(254))
    email_key: Mapped[str] = mapped_column(String(300))
    role: Mapped[str] = mapped_column(String(20))
    team_ids: Mapped[list[Any]]
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    created_at: Mapped[datetime]
    created_by_user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
