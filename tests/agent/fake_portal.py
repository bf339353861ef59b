"""A small real portal on loopback: HTTP and the link's socket, with switches for everything that can go wrong."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import uuid
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, jsonify, request
from flask_sock import Sock
from simple_websocket import ConnectionClosed
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from station.protocol import (
    PORTAL_HEADER,
    AnyCommand,
    CommandResult,
    Hello,
    LinkedProcedure,
    Model,
    RunEvent,
    Welcome,
    read_from_station,
    write,
)

KEY = "sms_" + "k" * 43
STATION_ID = "0b6f6a0e-6a43-4b0b-8a4e-1d0f2f7a9c11"


class _QuietHandler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the name is werkzeug's
        pass


class FakeLink:
    """One connection of a station, from the portal's side."""

    def __init__(self, ws: Any) -> None:
        self._ws = ws
        self.messages: list[Any] = []
        self.is_open = True

    def send(self, message: Model | str) -> None:
        self._ws.send(message if isinstance(message, str) else write(message))

    def of(self, kind: type[Model]) -> list[Any]:
        return [message for message in list(self.messages) if isinstance(message, kind)]

    def result_of(self, command: AnyCommand) -> CommandResult | None:
        found = [result for result in self.of(CommandResult) if result.command_id == command.command_id]
        return found[0] if found else None

    def drop(self) -> None:
        """Cut the line without a word."""
        self.is_open = False
        with contextlib.suppress(OSError):
            self._ws.sock.shutdown(socket.SHUT_RDWR)


class FakePortal:
    """Start with `with FakePortal() as portal`. Keeps its port through `stop` and `start`."""

    def __init__(self, tls: tuple[str, str] | None = None) -> None:
        self._tls = tls
        self.station_name = "Bench 7"
        self.refusals_by_token: dict[str, str | None] = {}
        self.enrolments: list[dict[str, Any]] = []
        self.is_revoked = False
        self.is_gateway = False
        self.replaced_installations = 0
        self.procedures: list[LinkedProcedure] = []
        self.links: list[FakeLink] = []
        self.events_by_execution: dict[str, list[Any]] = {}
        self.drop_after_events: int | None = None
        self.is_mute = False
        self.intercept: Callable[[], Response | tuple[Any, int] | tuple[Any, int, dict[str, str]] | None] = lambda: None
        self.on_run_stored: Callable[[], None] = lambda: None
        self.run_requests = 0
        self.runs_by_key: dict[str, tuple[str, bytes]] = {}
        self.attachments_by_key: dict[str, dict[str, Any]] = {}
        self.uploads: dict[str, bytes] = {}
        self.puts: list[tuple[str, str | None]] = []
        self.has_left = False
        self._lock = threading.Lock()
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}" if self._tls else f"http://127.0.0.1:{self.port}"

    @property
    def link(self) -> FakeLink:
        return self.links[-1]

    def __enter__(self) -> FakePortal:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        self._server = make_server(
            "127.0.0.1", self.port, self._app(), threaded=True, request_handler=_QuietHandler, ssl_context=self._tls
        )
        self._server.daemon_threads = True  # type: ignore[attr-defined]
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._server is None or self._thread is None:
            return
        for link in self.links:
            link.drop()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server = None

    def events(self, execution_id: str) -> list[Any]:
        return list(self.events_by_execution.get(execution_id, []))

    def _app(self) -> Flask:
        app = Flask(__name__)
        sock = Sock(app)
        app.before_request(self._check)
        app.after_request(self._sign)
        app.add_url_rule("/api/station/enrol", "enrol", self._enrol, methods=["POST"])
        app.add_url_rule("/api/station/whoami", "whoami", self._whoami)
        app.add_url_rule("/api/station/leave", "leave", self._leave, methods=["POST"])
        app.add_url_rule("/api/v2/runs", "runs", self._create_run, methods=["POST"])
        app.add_url_rule("/api/v2/runs/<run_id>/attachments", "attachments", self._attach, methods=["POST"])
        app.add_url_rule("/uploads/<attachment_id>", "upload", self._upload, methods=["PUT"])
        sock.route("/api/station/link")(self._hold_link)
        return app

    def _sign(self, response: Response) -> Response:
        if not self.is_gateway:
            response.headers[PORTAL_HEADER] = "0.0.0"
        return response

    def _check(self) -> Any:
        answer = self.intercept()
        if answer is not None:
            return answer
        if request.path.startswith(("/uploads/", "/api/station/enrol")):
            return None
        if self.is_revoked or request.headers.get("Authorization") != f"Bearer {KEY}":
            return refusal(401, "UNAUTHORIZED", "This key is not known.")
        return None

    def _enrol(self) -> Any:
        facts = request.get_json()
        problem = self.refusals_by_token.get(facts["token"], "This setup token is not known.")
        if problem:
            return refusal(400, "BAD_REQUEST", problem)
        self.refusals_by_token[facts["token"]] = "This setup token was already used: they are single-use."
        self.enrolments.append(facts)
        return jsonify(
            api_key=KEY,
            station={"id": STATION_ID, "name": self.station_name},
            installation_id=str(uuid.uuid4()),
            replaced_installations=self.replaced_installations,
        )

    def _whoami(self) -> Any:
        return jsonify(station={"id": STATION_ID, "name": self.station_name}, installation_id="i")

    def _leave(self) -> Any:
        self.has_left = True
        return jsonify(station={"id": STATION_ID, "name": self.station_name})

    def _create_run(self) -> Any:
        key, body = request.headers["Idempotency-Key"], request.get_data()
        with self._lock:
            self.run_requests += 1
            if key in self.runs_by_key and self.runs_by_key[key][1] != body:
                return refusal(409, "CONFLICT", "This key was used for another record.")
            run_id = self.runs_by_key.setdefault(key, (str(uuid.uuid4()), body))[0]
        self.on_run_stored()
        return jsonify(id=run_id)

    def _attach(self, run_id: str) -> Any:
        key = request.headers["Idempotency-Key"]
        with self._lock:
            attachment = self.attachments_by_key.setdefault(
                key, {"id": str(uuid.uuid4()), "run_id": run_id, **request.get_json()}
            )
        return jsonify(id=attachment["id"], upload_url=f"{self.url}/uploads/{attachment['id']}")

    def _upload(self, attachment_id: str) -> Any:
        self.puts.append((attachment_id, request.headers.get("Authorization")))
        self.uploads[attachment_id] = request.get_data()
        return ""

    def _hold_link(self, ws: Any) -> None:
        link = FakeLink(ws)
        link.messages.append(hello := read_from_station(ws.receive(timeout=5)))
        assert isinstance(hello, Hello)
        self.links.append(link)
        if self.is_mute:
            ws.receive(timeout=60)
            return
        known = self.events_by_execution.get(hello.progress.execution_id, []) if hello.progress else []
        link.send(
            Welcome(
                station_id=STATION_ID,
                station_name=self.station_name,
                procedures=self.procedures,
                resume_after=known[-1].seq if known else -1,
            )
        )
        try:
            while True:
                self._take(link, read_from_station(ws.receive()))
        except ConnectionClosed:
            link.is_open = False

    def _take(self, link: FakeLink, message: Any) -> None:
        link.messages.append(message)
        if not isinstance(message, RunEvent) or not link.is_open:
            return
        seen = self.events_by_execution.setdefault(message.execution_id, [])
        seen.append(message)
        if self.drop_after_events is not None and len(seen) >= self.drop_after_events:
            self.drop_after_events = None
            link.drop()


def refusal(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Any:
    """A refusal in the shape of every interface of the portal."""
    body = json.dumps({"message": message, "code": code, "issues": []})
    return Response(body, status, headers, content_type="application/json")
