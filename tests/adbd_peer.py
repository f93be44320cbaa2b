"""A phone as adb sees it: the transport protocol of adbd on loopback, written after AOSP's protocol.txt and SYNC.TXT.

Commands run in a real shell under proot, where /data is a folder of the test, and programs for arm64 under qemu-user.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import socket
import struct
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from conftest import require_system

_MAX = 256 * 1024


class Phone:
    """A phone that adb can connect to.

    Attributes:
        data: what /data is there.
        serial: as adb calls it.
        authorized: whether it lets this computer in.
        space: bytes that may still be pushed; None for any number.
        cut_after: bytes from adb after which the line is cut; None for never.
    """

    def __init__(self, folder: Path, model: str = "Test phone", abi: str = "arm64-v8a") -> None:
        """Prepare its files; nothing is started."""
        for program in ("proot", "qemu-aarch64", "adb"):
            require_system(program)
        self.data, tools = folder / "data", folder / "tools"
        (self.data / "local" / "tmp").mkdir(parents=True)
        tools.mkdir()
        facts = {"ro.product.manufacturer": "edgernn", "ro.product.model": model, "ro.product.cpu.abi": abi}
        facts["ro.build.version.release"] = "15"
        cases = "".join(f"  {key}) echo {shlex.quote(value)} ;;\n" for key, value in facts.items())
        (tools / "getprop").write_text(f'#!/bin/sh\ncase "$1" in\n{cases}esac\n')
        (tools / "getprop").chmod(0o755)
        self._path = f"{tools}:{os.environ['PATH']}"
        self.authorized, self.space, self.cut_after = True, None, None  # type: tuple[bool, int | None, int | None]
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.serial = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._links: list[socket.socket] = []
        self._jobs: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Phone:
        """Plug it in."""
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Unplug it, and end what runs on it."""
        self._socket.close()
        self.unplug()

    def unplug(self) -> None:
        """Cut the line; what runs on it ends, as it does when adbd closes its streams."""
        for link in self._links:
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
        for job in self._jobs:
            with contextlib.suppress(OSError, ValueError):
                job.stdin.close() if job.stdin else None

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                link, _ = self._socket.accept()
                self._links.append(link)
                threading.Thread(target=_Link(self, link).serve, daemon=True).start()

    def start(self, command: str) -> subprocess.Popen[bytes]:
        """Run a command in the phone's shell."""
        words = ["proot", "-q", "qemu-aarch64", "-b", f"{self.data}:/data", "-w", "/", "/bin/sh", "-c", command]
        pipe = subprocess.PIPE
        environment = {**os.environ, "PATH": self._path}
        job = subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, start_new_session=True)
        self._jobs.append(job)
        return job


class _Link:
    """One connection of an adb server."""

    def __init__(self, phone: Phone, link: socket.socket) -> None:
        self._phone, self._link = phone, link
        self._lock = threading.Lock()
        self._streams: dict[int, Any] = {}
        self._passed = 0

    def serve(self) -> None:
        with contextlib.suppress(OSError, EOFError):
            while True:
                command, first, second, size, _, _ = struct.unpack("<4s5I", self._read(24))
                self._take(command, first, second, self._read(size))
        for stream in list(self._streams.values()):
            stream.closed()

    def _take(self, command: bytes, first: int, second: int, content: bytes) -> None:
        if command == b"CNXN" and not self._phone.authorized:
            self.send(b"AUTH", 1, 0, os.urandom(20))
        elif command == b"AUTH" and first == 2:
            self.send(b"AUTH", 1, 0, os.urandom(20))  # no signature is known
        elif command == b"CNXN":
            self.send(b"CNXN", 0x01000001, _MAX, b"device::ro.product.name=test;features=shell_v2,cmd")
        elif command == b"OPEN":
            service = content.rstrip(b"\0").decode()
            kind = _Sync if service.startswith("sync:") else _Shell
            self._streams[first] = kind(self._phone, self, first, service)
        elif command == b"WRTE" and first in self._streams:
            self.send(b"OKAY", first, first)
            self._streams[first].take(content)
        elif command == b"OKAY" and first in self._streams:
            self._streams[first].may_go.set()
        elif command == b"CLSE" and first in self._streams:
            self._streams.pop(first).closed()

    def send(self, command: bytes, first: int, second: int, content: bytes = b"") -> None:
        magic = int.from_bytes(command, "little") ^ 0xFFFFFFFF
        head = struct.pack("<4s5I", command, first, second, len(content), sum(content) & 0xFFFFFFFF, magic)
        with self._lock:
            self._link.sendall(head + content)

    def close(self, stream: int) -> None:
        if self._streams.pop(stream, None) is not None:
            self.send(b"CLSE", stream, stream)

    def _read(self, size: int) -> bytes:
        content = b""
        while len(content) < size:
            part = self._link.recv(size - len(content))
            if not part:
                raise EOFError
            content += part
            self._passed += len(part)
            if self._phone.cut_after is not None and self._passed > self._phone.cut_after:
                self._phone.cut_after = None
                self._phone.unplug()
                raise EOFError
        return content


class _Stream:
    """A stream has the same number on both sides."""

    def __init__(self, phone: Phone, link: _Link, number: int, service: str) -> None:
        self.phone, self.link, self.number, self.service = phone, link, number, service
        self.may_go = threading.Event()
        link.send(b"OKAY", number, number)
        self.may_go.set()
        self.begin()

    def write(self, content: bytes) -> None:
        with contextlib.suppress(OSError):
            self.may_go.wait(20)
            self.may_go.clear()
            self.link.send(b"WRTE", self.number, self.number, content)

    def begin(self) -> None: ...

    def closed(self) -> None: ...


class _Shell(_Stream):
    """``shell,v2,...:COMMAND``: packets of a kind, a length and bytes; an answer of kind 3 is the exit status."""

    def begin(self) -> None:
        self._rest = b""
        self._job = self.phone.start(self.service.partition(":")[2])
        threading.Thread(target=self._answer, daemon=True).start()

    def _answer(self) -> None:
        pumps = [
            threading.Thread(target=self._pump, args=(kind, pipe), daemon=True)
            for kind, pipe in ((1, self._job.stdout), (2, self._job.stderr))
        ]
        for pump in pumps:
            pump.start()
        for pump in pumps:
            pump.join()
        self.write(struct.pack("<BIB", 3, 1, self._job.wait() & 0xFF))
        with contextlib.suppress(OSError):
            self.link.close(self.number)

    def _pump(self, kind: int, pipe: Any) -> None:
        while part := pipe.read1(60000):
            self.write(struct.pack("<BI", kind, len(part)) + part)

    def take(self, content: bytes) -> None:
        self._rest += content
        while len(self._rest) >= 5:
            kind, size = struct.unpack("<BI", self._rest[:5])
            if len(self._rest) < 5 + size:
                return
            part, self._rest = self._rest[5 : 5 + size], self._rest[5 + size :]
            with contextlib.suppress(OSError, ValueError):
                if kind == 0 and self._job.stdin:
                    self._job.stdin.write(part)
                    self._job.stdin.flush()
                elif kind == 3 and self._job.stdin:
                    self._job.stdin.close()

    def closed(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self._job.stdin:
                self._job.stdin.close()


class _Sync(_Stream):
    """``sync:``: files in both directions."""

    def begin(self) -> None:
        self._rest, self._path, self._content = b"", "", b""

    def _place(self, path: str) -> Path:
        return self.phone.data / path.removeprefix("/data").lstrip("/")

    def take(self, content: bytes) -> None:
        self._rest += content
        while len(self._rest) >= 8:
            word, size = struct.unpack("<4sI", self._rest[:8])
            taken = 0 if word in (b"DONE", b"QUIT") else size
            if len(self._rest) < 8 + taken:
                return
            part, self._rest = self._rest[8 : 8 + taken], self._rest[8 + taken :]
            self._do(word, part)

    def _do(self, word: bytes, part: bytes) -> None:
        if word == b"STAT":
            place = self._place(part.decode())
            facts = place.stat() if place.exists() else None
            numbers = (facts.st_mode, facts.st_size, int(facts.st_mtime)) if facts else (0, 0, 0)
            self.write(struct.pack("<4s3I", b"STAT", *numbers))
        elif word == b"SEND":
            self._path, self._content = part.decode(), b""
        elif word == b"DATA":
            self._content += part
        elif word == b"DONE":
            self._finish()
        elif word == b"QUIT":
            self.link.close(self.number)

    def _finish(self) -> None:
        path, _, mode = self._path.rpartition(",")
        if self.phone.space is not None and len(self._content) > self.phone.space:
            words = b"No space left on device"
            self.write(struct.pack("<4sI", b"FAIL", len(words)) + words)
            return
        place = self._place(path)
        place.write_bytes(self._content)
        place.chmod(int(mode) & 0o777)
        self.write(struct.pack("<4sI", b"OKAY", 0))
