"""The PyVISA backend ``@bench``: the one file that knows pyvisa-sim (0.7.1, whose private parts it touches).

What is ours on top of pyvisa-sim: our instruments instead of its dialogues; absent resources refuse to open
(VI_ERROR_RSRC_NFOUND); clear, read_stb, assert_trigger and locks; END ends a message; whole answers at once; one
lock per device. A file in pyvisa-sim's own format (``devices:``, ``resources:``) still loads and behaves as there.

Life cycle: the bench opens with the first ResourceManager on its path in this process and closes with it. Managers of
one path share one bench, as programs on one machine share the instruments; the next one finds everything switched off.
"""

from __future__ import annotations

import math
import secrets
import threading
import time
from pathlib import Path
from typing import Any

from pyvisa import constants, rname
from pyvisa.constants import ResourceAttribute, StatusCode
from pyvisa.typing import VISARMSession, VISASession
from pyvisa.util import LibraryPath
from pyvisa_sim import parser
from pyvisa_sim.devices import Device, Devices
from pyvisa_sim.highlevel import SimVisaLibrary
from pyvisa_sim.sessions.session import Session

from bench_sim import bench_file
from bench_sim.bench import Bench, Options
from bench_sim.scpi.engine import INPUT_BUFFER_BYTES, Engine
from bench_sim.visa_locks import Locks
from bench_sim.world import Clock

LINE_FEED = 10
TYPES_WITH_END = ("INSTR",)  # resource classes whose bus marks the last byte of a message, serial excepted
POLL_S = 0.01


class BenchDevice(Device):  # type: ignore[misc] # pyvisa-sim is not typed
    """One instrument as pyvisa-sim sees a device; bytes go to its engine."""

    def __init__(self, name: str, engine: Engine, clock: Clock) -> None:
        super().__init__(name, b"")
        self.engine = engine
        self.clock = clock
        self.lock = threading.RLock()
        self._received = bytearray()

    def receive(self, data: bytes, *, is_end: bool) -> None:
        """Take bytes; execute each message that is complete, by line feed or by END."""
        with self.lock:
            self._received += data
            *messages, rest = self._received.split(b"\n")
            self._received = bytearray(rest)
            if is_end and rest:
                messages.append(rest)
                self._received.clear()
            if len(self._received) > INPUT_BUFFER_BYTES:
                self._received.clear()
                self.engine.overrun()
            for message in messages:
                self.engine.receive(message.decode("latin-1"))

    def fetch(self, count: int, timeout_s: float, stop_at: int | None) -> tuple[bytes, StatusCode]:
        """Wait for an answer and take up to ``count`` bytes of it. The device is not locked while waiting."""
        deadline = time.monotonic() + timeout_s
        self.engine.expect_answer()
        while True:
            rest_s = max(0.0, deadline - time.monotonic())
            if self._arrives(self.engine.ready_at(), rest_s):
                data, is_end = self.engine.take(count, stop_at)
                if data:
                    return data, _status(data, is_end=is_end, count=count, stop_at=stop_at)
            elif rest_s == 0:
                return b"", StatusCode.error_timeout

    def clear(self) -> None:
        """Device clear."""
        with self.lock:
            self._received.clear()
        self.engine.clear()

    def _arrives(self, ready_at: float, rest_s: float) -> bool:
        """Wait a little, but no longer than ``rest_s``: a trigger, a clear or an abort may come meanwhile."""
        if math.isinf(ready_at):
            time.sleep(min(rest_s, POLL_S))
            return False
        return self.clock.wait_until(ready_at, rest_s)


class BenchLibrary(SimVisaLibrary):  # type: ignore[misc] # pyvisa-sim is not typed
    """What PyVISA calls. ``bench`` is open between the first and the last ResourceManager, else None."""

    @staticmethod
    def get_library_paths() -> tuple[LibraryPath, ...]:
        """The default bench, for a bare ``@bench``."""
        return (LibraryPath(bench_file.DEFAULT_BENCH, "shipped with bench_sim"),)

    @staticmethod
    def get_debug_info() -> dict[str, str]:
        """For ``pyvisa-info``."""
        return {"Benches": ", ".join(bench_file.list_shipped())}

    def _init(self) -> None:
        """Check the file, so that a bad one is refused when the library is made. Raises `BenchFileError`."""
        self.sessions: dict[Any, Any] = {}
        self.devices = Devices()
        self.bench: Bench | None = None
        self._locks = Locks()
        self._path = bench_file.find_bench(str(self.library_path))
        content = bench_file.load(self._path)
        self._file = bench_file.parse(content, self._path) if bench_file.is_bench(content) else None
        if self._file is None:
            _check_plain(self._path)

    def open_default_resource_manager(self) -> tuple[VISARMSession, StatusCode]:
        """Open the bench, reading the environment now."""
        if self._file is None:
            self.devices = parser.get_devices(str(self._path), bundled=False)
        else:
            self.bench = Bench(self._file, Options.from_environment())
            self.devices = Devices()
            for address, engine in self.bench.engines.items():
                self.devices.add_device(
                    rname.to_canonical_name(address), BenchDevice(address, engine, self.bench.clock)
                )
        return super().open_default_resource_manager()  # type: ignore[no-any-return]

    def open(
        self,
        session: VISARMSession,
        resource_name: str,
        access_mode: constants.AccessModes = constants.AccessModes.no_lock,
        open_timeout: Any = constants.VI_TMO_IMMEDIATE,
    ) -> tuple[VISASession, StatusCode]:
        """Open a session. Raises VisaIOError for a resource that is not on the bench, or is locked."""
        try:
            handle, status = super().open(session, resource_name, access_mode, open_timeout)
        except ValueError:  # pyvisa-sim has no session class for the interface
            handle, status = VISASession(0), StatusCode.error_resource_not_found
        self.handle_return_value(None, status)
        if access_mode == constants.AccessModes.exclusive_lock:
            status = self._locks.acquire(self._name(handle), handle, None, _seconds(int(open_timeout)))
            if status < 0:
                super().close(handle)
            self.handle_return_value(None, status)
        return handle, status

    def close(self, session: Any) -> StatusCode:
        """Close a session, or with the manager's own the whole bench."""
        ended = self.sessions.get(session)
        if isinstance(ended, Session):
            self._locks.release(self._name(session), session, all_of_it=True)
        status = super().close(session)
        if ended is self and self.bench:
            self.bench.close()
            self.bench = None
            self.devices = Devices()
        return self._done(None, status)

    def write(self, session: VISASession, data: bytes) -> tuple[int, StatusCode]:
        """Send bytes."""
        device = self._device(session)
        if device is None:
            return super().write(session, data)  # type: ignore[no-any-return]
        self._check_lock(session)
        ends = self._attribute(session, ResourceAttribute.send_end_enabled) and self._marks_end(session)
        device.receive(data, is_end=bool(ends))
        return len(data), self.handle_return_value(session, StatusCode.success)

    def read(self, session: VISASession, count: int) -> tuple[bytes, StatusCode]:
        """Receive bytes. Raises VisaIOError (VI_ERROR_TMO) when no answer comes in time."""
        device = self._device(session)
        if device is None:
            return super().read(session, count)  # type: ignore[no-any-return]
        self._check_lock(session)
        stop_at: int | None = None
        if self._attribute(session, ResourceAttribute.termchar_enabled) or not self._marks_end(session):
            stop_at = int(self._attribute(session, ResourceAttribute.termchar))
        timeout_s = _seconds(int(self._attribute(session, ResourceAttribute.timeout_value)))
        data, status = device.fetch(count, timeout_s, stop_at)
        return data, self.handle_return_value(session, status)

    def clear(self, session: VISASession) -> StatusCode:
        """Device clear."""
        device = self._bench_device(session)
        self._check_lock(session)
        device.clear()
        return self._done(session, StatusCode.success)

    def read_stb(self, session: VISASession) -> tuple[int, StatusCode]:
        """Serial poll."""
        byte = self._bench_device(session).engine.status_byte()
        return byte, self.handle_return_value(session, StatusCode.success)

    def assert_trigger(self, session: VISASession, protocol: constants.TriggerProtocol) -> StatusCode:
        """Bus trigger; ``protocol`` has only one value that makes sense here."""
        del protocol
        device = self._bench_device(session)
        self._check_lock(session)
        device.engine.trigger()
        return self._done(session, StatusCode.success)

    def lock(
        self, session: VISASession, lock_type: constants.Lock, timeout: int, requested_key: str | None = None
    ) -> tuple[str, StatusCode]:
        """Exclusive, or shared under a key. Raises VisaIOError (VI_ERROR_RSRC_LOCKED) after ``timeout`` ms."""
        self._bench_device(session)
        key = None if lock_type == constants.Lock.exclusive else requested_key or secrets.token_hex(8)
        status = self._locks.acquire(self._name(session), session, key, _seconds(timeout))
        return key or "", self.handle_return_value(session, status)

    def unlock(self, session: VISASession) -> StatusCode:
        """Give the lock back."""
        return self._done(session, self._locks.release(self._name(session), session))

    def _done(self, session: Any, status: StatusCode) -> StatusCode:
        """Note the status as PyVISA wants it. Raises VisaIOError for an error."""
        self.handle_return_value(session, status)
        return status

    def _session(self, session: Any) -> Session:
        found = self.sessions.get(session)
        if not isinstance(found, Session):
            self.handle_return_value(None, StatusCode.error_invalid_object)
        return found

    def _device(self, session: VISASession) -> BenchDevice | None:
        """Our device, or None for one of a plain pyvisa-sim file."""
        device = self._session(session).device
        return device if isinstance(device, BenchDevice) else None

    def _bench_device(self, session: VISASession) -> BenchDevice:
        """The same, for what pyvisa-sim cannot do. Raises VisaIOError (VI_ERROR_NSUP_OPER) for a plain device."""
        device = self._device(session)
        if device is None:
            self.handle_return_value(session, StatusCode.error_nonsupported_operation)
            raise AssertionError("not reached")
        return device

    def _check_lock(self, session: VISASession) -> None:
        if not self._locks.allows(self._name(session), session):
            self.handle_return_value(session, StatusCode.error_resource_locked)

    def _name(self, session: Any) -> str:
        return str(self._session(session).attrs[ResourceAttribute.resource_name])

    def _attribute(self, session: VISASession, attribute: ResourceAttribute) -> Any:
        return self._session(session).get_attribute(attribute)[0]

    def _marks_end(self, session: VISASession) -> bool:
        """True on buses that mark the last byte; a socket and a serial line only have their bytes."""
        interface, resource_class = self._session(session).session_type
        return resource_class in TYPES_WITH_END and interface != constants.InterfaceType.asrl


def _check_plain(path: Path) -> None:
    """A file that is not ours must be one of pyvisa-sim's."""
    try:
        parser.get_devices(str(path), bundled=False)
    except Exception as error:  # pyvisa-sim raises bare Exceptions, with tracebacks as their text
        raise bench_file.BenchFileError(
            f"{path}: is neither a bench file (no part `bench:`) nor a file that pyvisa-sim can read"
        ) from error


def _status(data: bytes, *, is_end: bool, count: int, stop_at: int | None) -> StatusCode:
    if stop_at is not None and data[-1] == stop_at:
        return StatusCode.success_termination_character_read
    if not is_end and len(data) == count:
        return StatusCode.success_max_count_read
    return StatusCode.success


def _seconds(timeout_ms: int) -> float:
    return math.inf if timeout_ms == constants.VI_TMO_INFINITE else timeout_ms / 1000
