"""What the older API does with units. Source: contract/v1-api.md §2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from portal.services.actors import Actor, Permission, require
from portal.services.unit_children import add_child
from portal.services.unit_lookup import find_unit

if TYPE_CHECKING:
    from portal.database import Db


def build_in(db: Db, actor: Actor, serial_number: str, sub_serial_numbers: Sequence[str]) -> str:
    """Build several units into one, all or none. Its id. Raises what `add_child` raises."""
    require(actor, Permission.RECORD)
    with db.write():
        unit_id = find_unit(db, serial_number).id
        for sub in sub_serial_numbers:
            add_child(db, actor, serial_number, sub)
    return unit_id
