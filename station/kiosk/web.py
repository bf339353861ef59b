"""The kiosk's pages: who is let through, the page and its feed, and its forms, each of which is one command."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, NoReturn, Protocol
from urllib.parse import urlencode

import structlog
from flask import Flask, Response, make_response, redirect, render_template, request
from simple_websocket import ConnectionClosed, Server
from werkzeug.exceptions import HTTPException

import stationmaster
from station.kiosk.access import Door
from station.kiosk.screen import TOPIC, KioskScreen
from station.live_hub import Hub
from station.live_socket import LiveSocket, Writer
from station.protocol import AnyCommand, CommandResult, Kill, RunCommand, Stop, UiResponse
from stationmaster.assets import CACHED_FOR_S, asset
from stationmaster.page_headers import PROTECTION
from stationmaster.resources import folder

MOST_BROWSERS = 12
MOST_BODY_BYTES = 64 * 1024
COOKIE_LIVES_S = 400 * 86_400  # as long as browsers keep one
SOMEBODY = "somebody at the bench"  # only where a name cannot be waited for: STOP

log = structlog.get_logger(__name__)


class Bench(Protocol):
    """What the forms do."""

    @property
    def operator(self) -> str | None:
        """Who is at the bench."""

    def obey(self, command: AnyCommand) -> CommandResult:
        """Do what a person asked for."""

    def change_operator(self, text: str) -> None:
        """Somebody else is at the bench."""

    def retry_upload(self, execution_id: str) -> bool:
        """Send a record on its way at once. False: there is nothing to retry."""


def create_app() -> Flask:
    """The application without its routes, so that the screen can be drawn from its templates."""
    app = Flask(
        "station.kiosk",
        template_folder=str(folder("templates")),
        static_folder=str(folder("static")),
        static_url_path="/static",
    )
    app.config.update(MAX_CONTENT_LENGTH=MOST_BODY_BYTES, SEND_FILE_MAX_AGE_DEFAULT=CACHED_FOR_S)
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(asset=asset, version=stationmaster.__version__)
    return app


def guard(app: Flask, port: int, door: Door) -> None:
    """Let through only this machine, its browsers that were let in, and what their own page asks for."""
    hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
    cookie = cookie_name(port)

    @app.before_request
    def check() -> Response | None:
        if not (request.remote_addr or "").startswith("127."):
            return _refuse("The kiosk is only for this computer.")
        if request.headers.get("Host", "").lower() not in hosts:
            return _refuse(f"The kiosk is at http://127.0.0.1:{port}/ and under no other name.")
        if request.endpoint in ("static", "enter"):
            return None
        if not door.knows(request.cookies.get(cookie)):
            return make_response(render_template("operator/closed.html"), 403)
        if (request.method != "GET" or request.endpoint == "feed") and not _is_own_page():
            return _refuse("This was not sent by the kiosk's own page. Nothing was done.")
        return None

    @app.after_request
    def protect(response: Response) -> Response:
        for name, value in PROTECTION:
            response.headers.setdefault(name, value)
        if response.mimetype == "text/html":
            response.headers.setdefault("Cache-Control", "private, no-cache")
        return response

    @app.get("/enter/<code>")
    def enter(code: str) -> Response:
        given = door.enter(code)
        if given is None:
            return make_response(render_template("operator/closed.html", is_stale=True), 403)
        # A page that goes on by itself, not a redirect: a browser that followed a link from elsewhere would not send a
        # strict cookie along with that.
        response = make_response(render_template("operator/entered.html"))
        response.set_cookie(cookie, given, max_age=COOKIE_LIVES_S, httponly=True, samesite="Strict")
        response.headers["Cache-Control"] = "no-store"
        return response


def add_routes(app: Flask, screen: KioskScreen, hub: Hub, writer: Writer, bench: Bench) -> None:
    """The page, its feed and its forms."""

    @app.get("/")
    def page() -> str:
        return render_template(
            "operator/page.html", view=screen.view, may_drive=True, has_desk=False, refusal=request.args.get("refusal")
        )

    @app.get("/live", websocket=True)
    def feed() -> Response:
        if writer.count() >= MOST_BROWSERS:
            return _refuse("Too many pages of this kiosk are open: close some.", 503)
        _watch(hub, writer, screen)
        return _Done()

    @app.post("/run")
    def run() -> Response:
        if bench.operator is None:
            return _reply("Say first who is at the bench: the button is at the top.")
        serial_number = request.form.get("serial_number", "").strip() or None
        procedure_id = request.form.get("procedure_id", "")
        return send(RunCommand, bench.operator, procedure_id=procedure_id, serial_number=serial_number)

    @app.post("/answer")
    def answer() -> Response:
        values = {key.removeprefix("value-"): text for key, text in request.form.items() if key.startswith("value-")}
        return send(UiResponse, bench.operator, request_id=request.form.get("request_id", ""), values=values)

    @app.post("/stop")
    def stop() -> Response:
        return send(Stop, bench.operator, reason=request.form.get("reason"))

    @app.post("/kill")
    def kill() -> Response:
        return send(Kill, bench.operator)

    @app.post("/operator")
    def operator() -> Response:
        bench.change_operator(request.form.get("operator", ""))
        return _reply()

    @app.post("/retry")
    def retry() -> Response:
        is_queued = bench.retry_upload(request.form.get("execution_id", ""))
        return _reply(None if is_queued else "This record is on its way already, or the portal has it.")

    @app.errorhandler(Exception)
    def failed(error: Exception) -> Response | HTTPException:
        if isinstance(error, HTTPException):
            return error
        log.error("kiosk_failed", exc_info=error, path=request.path)
        return _reply("The station could not do this: an internal error, noted in its log.", status=500)

    def send(kind: Callable[..., AnyCommand], who: str | None, **fields: Any) -> Response:
        result = bench.obey(kind(command_id=uuid.uuid4().hex, asked_by=who or SOMEBODY, **fields))
        return _reply(None if result.is_accepted else result.reason, result.field)


def cookie_name(port: int) -> str:
    """Cookies are not bound to a port: two kiosks on one computer need two names."""
    return f"stationmaster_kiosk_{port}"


def _is_own_page() -> bool:
    """Whether the browser says that the kiosk's own page asks. What says nothing is no browser, and has no business."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is None and origin is None:
        return False
    return site in (None, "same-origin") and origin in (None, f"http://{request.host}")


def _watch(hub: Hub, writer: Writer, screen: KioskScreen) -> None:
    watcher: LiveSocket | None = None
    # A feed may be silent for as long as it likes. Before its reader begins: that takes the limit over.
    request.environ["werkzeug.socket"].settimeout(None)
    try:
        watcher = LiveSocket(Server(request.environ, max_message_size=4096), writer)
        hub.join(TOPIC, watcher, screen.snapshot)
        while True:
            watcher.receive()
    except ConnectionClosed:
        pass
    finally:
        if watcher is not None:
            hub.leave(TOPIC, watcher)


class _Done(Response):
    """The end of a feed. Werkzeug would write an answer into the closed socket."""

    def __call__(self, _environ: Any, _start_response: Any) -> NoReturn:
        raise ConnectionAbortedError

    def __init__(self) -> None:
        super().__init__(status=101)


def _reply(refusal: str | None = None, field: str | None = None, status: int = 422) -> Response:
    if request.headers.get("HX-Request-Type") != "partial":
        return make_response(redirect("/" if refusal is None else f"/?{urlencode({'refusal': refusal})}", 303))
    if refusal is None:
        return make_response("", 204)  # the feed has the rest
    return make_response(render_template("operator/_refusal.html", reason=refusal, field=field), status)


def _refuse(reason: str, status: int = 403) -> Response:
    return Response(f"{reason}\n", status, content_type="text/plain; charset=utf-8")
