"""Wires one portal together. No module-level state: two portals can live in one process."""

from __future__ import annotations

from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

import stationmaster
from portal import api, hosts, names_in_paths, pages, web
from portal.database import Database
from portal.live import blueprint as live
from portal.live.fleet import Fleet
from portal.settings import Settings
from stationmaster.assets import CACHED_FOR_S, asset
from stationmaster.resources import folder


def create_app(settings: Settings) -> Flask:
    """The portal as a WSGI application. Background threads start with `start`, in the process that serves."""
    app = Flask(
        "portal",
        template_folder=str(folder("templates")),
        static_folder=str(folder("static")),
        static_url_path="/static",
    )
    app.config.update(
        SECRET_KEY=settings.secret_key,
        MAX_CONTENT_LENGTH=settings.max_body_bytes,
        SEND_FILE_MAX_AGE_DEFAULT=CACHED_FOR_S,
        SESSION_COOKIE_NAME="stationmaster",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
    )
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(path_for=_path_builder(app), asset=asset, version=stationmaster.__version__)
    if settings.behind_proxy:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)  # type: ignore[method-assign]

    database = Database(app, settings)
    fleet = Fleet(app, settings, database)
    app.extensions["stationmaster"] = web.Portal(settings, database, fleet)
    app.teardown_appcontext(web.close_db)
    hosts.register(app)
    names_in_paths.register(app)
    api.register(app)
    pages.register(app)
    live.register(app, fleet)
    return app


def start(app: Flask) -> None:
    """Start the background threads. Call once, after forking."""
    web.portal(app).fleet.start()


def stop(app: Flask) -> None:
    """Close the sockets and end the background threads."""
    web.portal(app).fleet.stop()


def _path_builder(app: Flask) -> Any:
    """``path_for(endpoint, …)``: like url_for, but without a request, so that the feed can render fragments."""

    def path_for(endpoint: str, **values: Any) -> str:
        return app.url_map.bind("portal").build(endpoint, values)

    return path_for
