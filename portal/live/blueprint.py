"""Puts the live routes together."""

from __future__ import annotations

from flask import Blueprint, Flask
from flask_sock import Sock

from portal.live import feed, link, operate
from portal.live.fleet import Fleet
from station.protocol import MAX_FRAME_BYTES


def register(app: Flask, fleet: Fleet) -> None:
    """Add the sockets and the Operator UI to the application."""
    app.config["SOCK_SERVER_OPTIONS"] = {
        "max_message_size": 4 * MAX_FRAME_BYTES,
        "receive_bytes": 16_384,
        # No ping_interval: the library's own pings would not pass our writer's clock; LiveSocket pings instead.
    }
    blueprint = Blueprint("live", __name__)
    sock = Sock()
    link.register(blueprint, sock, fleet)
    feed.register(blueprint, sock, fleet)
    operate.register(blueprint, fleet)
    app.register_blueprint(blueprint)
