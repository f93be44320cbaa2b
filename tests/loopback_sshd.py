"""A real sshd on loopback, as long as a test runs: its own keys, its own home folder, and a line that can be cut."""

from __future__ import annotations

import contextlib
import getpass
import os
import select
import shlex
import socket
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType

from conftest import require_system

_SERVER = "/usr/sbin/sshd"
_MANAGER = "/lib/systemd/systemd"
# A /run of its own, with what a booted system has there, and the manager of one user who has logged in.
_BOOT = """
mount -t tmpfs none /run
mkdir -p /run/sshd /run/systemd/system /run/log/journal /run/user/$(id -u) && chmod 700 /run/user/$(id -u)
/lib/systemd/systemd-journald &
HOME={home} XDG_RUNTIME_DIR=/run/user/$(id -u) /lib/systemd/systemd --user &
exec {sshd}
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Sshd:
    """A board that is reached by SSH.

    Attributes:
        home: what HOME is for those who log in.
        port: of the server, or of the line before it.
        identity: private key that is let in.
        known_hosts: file that has the server's key.
    """

    def __init__(
        self,
        folder: Path,
        *,
        path: str | None = None,
        command: str | None = None,
        disk: str | None = None,
        systemd: bool = False,
    ) -> None:
        """Prepare keys and configuration.

        Args:
            folder: where everything is kept.
            path: instead of the PATH that those who log in have.
            command: that runs `$SSH_ORIGINAL_COMMAND` in some other root; by default the host's own sh.
            disk: size of the disk that the home folder is on, ``300k``; needs root.
            systemd: have the user's service manager and a journal run there; needs root.
        """
        require_system("ssh")
        if not Path(_SERVER).exists():
            require_system("sshd")
        self.folder, self.home = folder, folder / "home of $(nobody)"
        self.home.mkdir(parents=True, mode=0o700)
        for name in ("host", "user"):
            words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
            subprocess.run(words, check=True, capture_output=True)
        self.identity, self.known_hosts = folder / "user", folder / "known hosts"
        (folder / "authorized").write_text((folder / "user.pub").read_text())
        login = folder / "login"
        exports = f"export HOME={shlex.quote(str(self.home))}\n" + (
            f"export PATH={shlex.quote(path)}\n" if path else ""
        )
        run = command or '/bin/sh -c "$SSH_ORIGINAL_COMMAND"'
        login.write_text(f'#!/bin/sh\n{exports}cd "$HOME"\nexec {run}\n')
        login.chmod(0o755)
        self.server_port = self.port = _free_port()
        # Else Bash, started by sshd, reads the .bashrc of this machine's user, which is not in `home`.
        (folder / "sshd_config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile {folder}/pid\nUsePAM no\n"
            f"StrictModes no\nAuthorizedKeysFile {folder}/authorized\nPasswordAuthentication no\nMaxStartups 50\n"
            f"KbdInteractiveAuthentication no\nForceCommand {login}\nSetEnv SHLVL=1\nLogLevel ERROR\n"
        )
        self._disk, self._systemd = disk, systemd
        if systemd and not Path(_MANAGER).exists():
            require_system(_MANAGER)
        self._line: socket.socket | None = None
        self._open: list[socket.socket] = []
        self._limit: int | None = None
        self.trust()

    @property
    def target(self) -> str:
        """As --device takes it."""
        return f"{getpass.getuser()}@127.0.0.1"

    @property
    def options(self) -> list[str]:
        """What `edgernn deploy` needs to get there."""
        words = ["--device", self.target, "--port", str(self.port), "--identity", str(self.identity)]
        return [*words, "--known-hosts", str(self.known_hosts)]

    def trust(self, key: str | None = None) -> None:
        """Write the file of known hosts: the server's key, or another."""
        key = key or (self.folder / "host.pub").read_text()
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {' '.join(key.split()[:2])}\n")

    def __enter__(self) -> Sshd:
        """Start the server."""
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        words = [_SERVER, "-D", "-e", "-f", str(self.folder / "sshd_config")]
        if self._disk is not None:
            mount = f"mount -t tmpfs -o mode=700,size={self._disk} none {shlex.quote(str(self.home))}"
            words = ["unshare", "--mount", "sh", "-c", f"{mount} && exec {shlex.join(words)}"]
        if self._systemd:
            words = [
                "unshare",
                "--mount",
                "sh",
                "-c",
                _BOOT.format(home=shlex.quote(str(self.home)), sshd=shlex.join(words)),
            ]
        self._log = (self.folder / "log").open("wb")
        self.process = subprocess.Popen(words, stderr=self._log, stdin=subprocess.DEVNULL, start_new_session=True)
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.server_port), 1):
                return self
            time.sleep(0.05)
        raise AssertionError((self.folder / "log").read_text())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it, and whatever runs in it."""
        self.cut()
        if self._line is not None:
            self._line.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, 15)
        self.process.wait(10)
        self._log.close()

    @property
    def root(self) -> Path:
        """The board's file system as this machine sees it."""
        return Path(f"/proc/{self.process.pid}/root")

    def put_line_before(self, cut_after: int | None = None) -> None:
        """From now on connections go through a line that can be cut, at once or after so many bytes to the server."""
        self._line = socket.create_server(("127.0.0.1", 0))
        self.port = self._line.getsockname()[1]
        self._limit = cut_after
        self.trust()
        threading.Thread(target=self._serve, args=(self._line,), daemon=True).start()

    def cut(self) -> None:
        """Cut every connection through the line."""
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._open.clear()

    def _serve(self, line: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = line.accept()
                server = socket.create_connection(("127.0.0.1", self.server_port))
                self._open += [client, server]
                threading.Thread(target=self._relay, args=(client, server), daemon=True).start()

    def _relay(self, client: socket.socket, server: socket.socket) -> None:
        passed = 0
        with contextlib.suppress(OSError, ValueError):
            while True:
                for source in select.select([client, server], [], [])[0]:
                    content = source.recv(65536)
                    if not content:
                        self.cut()
                        return
                    (server if source is client else client).sendall(content)
                    passed += len(content) if source is client else 0
                    if self._limit is not None and passed > self._limit:
                        self._limit = None  # the next one goes through
                        self.cut()
                        return
