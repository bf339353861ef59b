"""What a form was sent with, and what was wrong with it: enough to show it again, filled in."""

from __future__ import annotations

from dataclasses import dataclass, field

from flask import Request

from portal.errors import Invalid


@dataclass(frozen=True)
class Form:
    """Values and messages by field name. ``problem``: a message that belongs to no field."""

    values: dict[str, str] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    problem: str | None = None

    @classmethod
    def of(cls, request: Request) -> Form:
        """The form as it was sent. Surrounding blanks are no part of what somebody meant to type."""
        lists = request.form.to_dict(flat=False)
        return cls({name: texts[0].strip() for name, texts in lists.items()}, lists)

    def text(self, name: str) -> str:
        """What was typed; empty when the field is missing."""
        return self.values.get(name, "")

    def secret(self, name: str) -> str:
        """What was typed, blanks included: they may be part of a password."""
        return self.lists.get(name, [""])[0]

    def chosen(self, name: str) -> list[str]:
        """What was ticked."""
        return self.lists.get(name, [])

    def refused(self, invalid: Invalid, fields: tuple[str, ...]) -> Form:
        """The same form with the messages by their fields; those of other fields become the form's problem."""
        errors: dict[str, list[str]] = {}
        others: list[str] = []
        for issue in invalid.issues:
            name = str(issue.path[0]) if issue.path else ""
            if name in fields:
                messages = errors.setdefault(name, [])
                if issue.message not in messages:
                    messages.append(issue.message)
            else:
                others.append(issue.message)
        told = {name: " ".join(messages) for name, messages in errors.items()}
        return Form(self.values, self.lists, told, " ".join(others) or None)

    def with_problem(self, message: str) -> Form:
        """The same form with a message for the whole of it."""
        return Form(self.values, self.lists, self.errors, message)

    @property
    def first_error(self) -> str | None:
        """The first field with a message: where the person goes on."""
        return next(iter(self.errors), None)
