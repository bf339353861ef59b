"""Files of runs, handed out so that nothing in them can act in the name of this portal."""

from __future__ import annotations

from flask import Blueprint, Response, request

from portal.downloads import send
from portal.pages.sign_in import signed_in_only
from portal.services import attachments as attachment_services
from portal.web import actor, db

pages = signed_in_only(Blueprint("attachments", __name__))


@pages.get("/attachments/<attachment_id>")
def show(attachment_id: str) -> Response:
    """The file as a download; inside a page (``inline=1``) only when its content has shown it to be a picture."""
    file = attachment_services.open_attachment(db(), actor(), attachment_id)
    is_inline = "inline" in request.args and file.is_image
    return send(file, is_inline=is_inline)
