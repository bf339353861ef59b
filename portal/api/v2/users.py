"""``/api/v2/users``. Source: contract/v2-api.md §9."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict

from portal.api.operations import Operations
from portal.errors import NotFound
from portal.services.refs import Person
from portal.services.run_input import In
from portal.services.users import find_current_user, list_users
from portal.web import actor, db

api = Operations("users_v2", "Users")


class UserListIn(In):
    """Which members: all, or (for clients of the first generation) only the one who asks."""

    current: bool = False


class UserOut(TypedDict):
    """A member."""

    id: str
    email: str
    name: str | None
    image: str | None
    banned: bool


@api.get("/api/v2/users", "users.list", query=UserListIn, answer=list[UserOut])
def index(query: UserListIn) -> Any:
    """List the members.

    With ``current=true``: exactly the one who asks, and nobody for a station's key.
    """
    if query.current:
        user = find_current_user(db(), actor())
        return [_user(user)] if user is not None else []
    return [_user(user) for user in list_users(db(), actor())]


@api.get("/api/v2/users/current", "users.get_current", answer=UserOut, who="people", errors=(404,))
def current() -> Any:
    """Read the member whose key this is."""
    user = find_current_user(db(), actor())
    if user is None:
        raise NotFound("user")
    return _user(user)


def _user(user: Person) -> Any:
    return {"id": user.id, "email": user.email, "name": user.name, "image": None, "banned": False}
