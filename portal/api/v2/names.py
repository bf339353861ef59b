"""Names and ids in bodies: checked as services check them, and refused with 400, as the published clients expect."""

from __future__ import annotations

from pydantic import AfterValidator

from portal.errors import Invalid
from portal.services import names
from portal.services.metadata import refuse


def name(what: str, most: int) -> AfterValidator:
    """A text of 1 to ``most`` characters, trimmed and printable; ``what`` is how refusals call it."""

    def check(given: str) -> str:
        try:
            return names.clean(given, what, most)
        except Invalid as invalid:
            raise refuse(invalid.message) from None

    return AfterValidator(check)


def uuid(what: str) -> AfterValidator:
    """An id of ours; ``what`` is how refusals call it. Whether there is such a thing is the service's question."""

    def check(given: str) -> str:
        if not names.is_id(given):
            raise refuse(f"The {what} is not a UUID.")
        return given.lower()

    return AfterValidator(check)
