"""A baseline: Flask on gunicorn's threads, one endpoint that parses a run and stores its rows. No key, no checks."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path
from typing import Any

from flask import Flask, jsonify, request
from gunicorn.app.base import BaseApplication

from benchmarks.subjects import PlainSql


def main() -> None:
    """Serve until SIGTERM; the port is written to a file."""
    app = Flask("bare")
    lock = threading.Lock()
    made: list[PlainSql] = []

    @app.post("/api/v2/runs")
    def store() -> Any:
        body = request.get_json()
        with lock:
            if not made:  # in the worker, after the fork
                made.append(PlainSql(Path(os.environ["BARE_PRISTINE"]), Path(os.environ["BARE_DATA"])))
            made[0].store(body)
        return jsonify(id=body["execution_id"])

    @app.get("/healthz")
    def healthz() -> str:
        return "ok"

    listener = socket.create_server(("127.0.0.1", 0))
    Path(os.environ["BARE_PORT"]).write_text(str(listener.getsockname()[1]))

    class Server(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            for name, value in {
                "bind": f"fd://{listener.fileno()}", "workers": 1, "worker_class": "gthread", "threads": 40,
                "control_socket_disable": True, "loglevel": "warning", "keepalive": 60,
            }.items():  # fmt: skip
                self.cfg.set(name, value)

        def load(self) -> Flask:
            return app

    Server().run()


if __name__ == "__main__":
    main()
