"""Sending to sockets whose peers read, do not read, or go away."""

from __future__ import annotations

import socket
import struct
import threading

import pytest

from station.live_socket import BUFFER_BYTES, LiveSocket, Writer, text_frame
from tests.waiting import eventually


class Peerless:
    """What flask-sock hands over, as far as LiveSocket touches it."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.connected = True
        self.event = threading.Event()


@pytest.fixture
def writer():
    made = Writer()
    yield made
    made.stop()


def pair(writer: Writer) -> tuple[LiveSocket, socket.socket, Peerless]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
    ws = Peerless(accepted)
    return LiveSocket(ws, writer), client, ws


def read_exactly(client: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = client.recv(min(65_536, size - len(data)))
        assert piece, "closed early"
        data += piece
    return bytes(data)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 300_000])
def test_a_frame_is_what_the_rfc_says(size):
    frame = text_frame("x" * size)

    length = frame[1]
    if size < 126:
        assert length == size
    elif size < 65_536:
        assert (length, struct.unpack("!H", frame[2:4])[0]) == (126, size)
    else:
        assert (length, struct.unpack("!Q", frame[2:10])[0]) == (127, size)
    assert frame[0] == 0x81
    assert frame.endswith(b"x" * size)


def test_large_frames_arrive_whole_at_a_slow_reader(writer):
    live, client, _ws = pair(writer)
    frames = [text_frame(f"{n:06d}" + "y" * 300_000) for n in range(6)]

    for frame in frames:
        assert live.send_frame(frame)

    expected = b"".join(frames)
    assert read_exactly(client, len(expected)) == expected
    live.close()
    client.close()


def test_a_peer_that_does_not_read_is_cut_and_delays_nobody(writer):
    stalled, deaf_client, ws = pair(writer)
    lively, client, _ = pair(writer)
    frame = text_frame("z" * 100_000)

    is_cut = False
    for _ in range(200):
        is_cut = is_cut or not stalled.send_frame(frame)
        assert lively.send_frame(frame)
        assert read_exactly(client, len(frame)) == frame

    assert is_cut
    assert not ws.connected
    assert 200 * len(frame) > BUFFER_BYTES
    for sock in (stalled, lively):
        sock.close()
    deaf_client.close()
    client.close()


def test_many_threads_may_send_and_frames_never_mix(writer):
    live, client, _ws = pair(writer)
    per_thread, threads = 60, 4
    frames = {n: text_frame(str(n) * 20_000) for n in range(threads)}

    def send(n: int) -> None:
        for _ in range(per_thread):
            live.send_frame(frames[n])

    workers = [threading.Thread(target=send, args=(n,)) for n in range(threads)]
    for worker in workers:
        worker.start()
    seen = []
    for _ in range(per_thread * threads):
        head = read_exactly(client, 4)
        body = read_exactly(client, struct.unpack("!H", head[2:4])[0])
        assert len(set(body)) == 1
        seen.append(body[:1])
    for worker in workers:
        worker.join()

    assert {n: seen.count(str(n).encode()) for n in range(threads)} == dict.fromkeys(range(threads), per_thread)
    live.close()
    client.close()


def test_sending_to_a_peer_that_went_away_says_so(writer):
    live, client, _ws = pair(writer)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()

    eventually(lambda: not live.send_frame(text_frame("gone")))

    live.close()


def test_after_the_close_frame_nothing_more_is_sent(writer):
    sock, client, ws = pair(writer)

    sock.end(4401, "signed out")
    sock.send(b"\x88\x02\x11\x31")  # the library answers the peer's close frame with another
    sock.close()

    with client, client.makefile("rb") as stream:
        assert stream.read() == b"\x88\x0c\x11\x31signed out"
    assert not ws.connected
