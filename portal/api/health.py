"""``GET /healthz``: can the portal serve?"""

from __future__ import annotations

import structlog
from flask import Blueprint, Response, jsonify
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from portal.web import db

api = Blueprint("health", __name__)
log = structlog.get_logger(__name__)


@api.get("/healthz")
def healthz() -> tuple[Response, int]:
    """200 while the database answers, 503 otherwise."""
    try:
        db().session.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        log.warning("database_does_not_answer", error=type(error).__name__)
        return jsonify(status="unavailable", database="does not answer"), 503
    return jsonify(status="ok", database="answers"), 200
