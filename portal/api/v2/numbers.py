"""The numbers by which things are known, as bodies hold them: trimmed, checked. Source: contract/v2-api.md §1.9."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from portal.services.run_input import checked_batch_number, named

SerialNumber = Annotated[str, named("serial number", 60)]
PartNumber = Annotated[str, named("part number", 60)]
RevisionNumber = Annotated[str, named("revision number", 60)]
BatchNumber = Annotated[str, AfterValidator(checked_batch_number)]
