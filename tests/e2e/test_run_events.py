"""The stream of new runs under the server that is used in production."""

from __future__ import annotations

import httpx

from tests.e2e.programs import PASSWORD, PortalProcess


def test_a_stream_ends_in_order_when_the_portal_stops(portal: PortalProcess) -> None:
    portal.command("user", "add", "ada@example.com", "--role", "admin", "--password-stdin", stdin=PASSWORD)
    key = portal.command("key", "create", "--user", "ada@example.com").strip()
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.stream("GET", f"{portal.url}/api/v2/runs/events", headers=headers, timeout=20) as response:
        lines = response.iter_lines()
        assert next(lines) == ": new runs"

        portal.stop()

        assert [line for line in lines if line] == []  # a stream that was cut off would raise
    assert "Traceback" not in portal.log_text()
