"""The tables, one module an aggregate. Importing this package knows them all."""

from __future__ import annotations

from portal.models.api_key import ApiKey
from portal.models.attachment import Attachment
from portal.models.audit import AuditEntry
from portal.models.base import Base
from portal.models.file_import import FileImport
from portal.models.idempotency import IdempotencyKey
from portal.models.installation import Installation
from portal.models.invitation import Invitation
from portal.models.ordinal import Counter
from portal.models.place import DeletedPlace
from portal.models.presence import PortalAlive, StationDay, StationState
from portal.models.procedure import EndedLink, Procedure, ProcedureVersion, StationProcedure
from portal.models.rate_bucket import RateBucket
from portal.models.run import Curve, LogLine, Measurement, Phase, Run, RunSubUnit
from portal.models.run_metadata import RunMetadataValue
from portal.models.serial_piece import UnitSerialPiece
from portal.models.setup_token import SetupToken
from portal.models.station import Station
from portal.models.team import Team, TeamMember
from portal.models.unit import Batch, Part, Revision, Unit
from portal.models.user import SignInSession, User
from portal.models.webhook import Webhook, WebhookDelivery

__all__ = [
    "ApiKey",
    "Attachment",
    "AuditEntry",
    "Base",
    "Batch",
    "Counter",
    "Curve",
    "DeletedPlace",
    "EndedLink",
    "FileImport",
    "IdempotencyKey",
    "Installation",
    "Invitation",
    "LogLine",
    "Measurement",
    "Part",
    "Phase",
    "PortalAlive",
    "Procedure",
    "ProcedureVersion",
    "RateBucket",
    "Revision",
    "Run",
    "RunMetadataValue",
    "RunSubUnit",
    "SetupToken",
    "SignInSession",
    "Station",
    "StationDay",
    "StationProcedure",
    "StationState",
    "Team",
    "TeamMember",
    "Unit",
    "UnitSerialPiece",
    "User",
    "Webhook",
    "WebhookDelivery",
]
