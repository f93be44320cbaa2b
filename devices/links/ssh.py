"""A Linux board over SSH, through OpenSSH itself: its agent, its configuration and its checks of host keys apply."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgernn.devices.links.process import run_for
from edgernn.devices.links.shell import Finished, quote
from edgernn.errors import EnvironmentProblem, InputError

_LOST = 255  # ssh's own exit status, when it and not the command has failed


@dataclass(frozen=True)
class _Problem:
    """What OpenSSH says, what it means to a user, and what to do."""

    pattern: str
    found: str
    hint: str


_PROBLEMS = (
    _Problem(
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        "its host key is another than before",
        "if the board was set up anew, remove the old key with 'ssh-keygen -R HOST'; if not, somebody is in between.",
    ),
    _Problem(
        r"Host key verification failed|No \w+ host key is known",
        "its host key is not known here",
        "connect once with 'ssh HOST', compare the fingerprint and accept it; or give --known-hosts FILE.",
    ),
    _Problem(
        "Permission denied",
        "the user, key or password was refused",
        "copy your key there with 'ssh-copy-id HOST', or give --identity FILE.",
    ),
    _Problem("Could not resolve", "there is no such host", "check the name: 'ping HOST' must work."),
    _Problem(
        "Connection refused",
        "it refused the connection",
        "switch SSH on there, on a Raspberry Pi with 'sudo raspi-config'; or give --port.",
    ),
    _Problem(
        "timed out|No route to host|unreachable",
        "it does not answer",
        "check that it is switched on and in this network.",
    ),
    _Problem("not accessible|bad permissions", "the identity file cannot be used", "check --identity."),
    _Problem("Bad configuration|no argument after|terminating", "a wrong SSH configuration", "check ~/.ssh/config."),
    _Problem("", "the connection was lost", "check the network and deploy again; what was there before is as it was."),
)


@dataclass(frozen=True)
class SshOptions:
    """What the user may say about a connection; everything else is OpenSSH's configuration.

    Attributes:
        port: of the server.
        identity: private key.
        known_hosts: file with the host keys to trust.
    """

    port: int | None = None
    identity: Path | None = None
    known_hosts: Path | None = None

    def words(self) -> list[str]:
        """As ssh takes them."""
        words = [] if self.port is None else ["-p", str(self.port)]
        if self.identity is not None:
            words += ["-i", str(self.identity), "-o", "IdentitiesOnly=yes"]
        if self.known_hosts is not None:
            words += ["-o", f"UserKnownHostsFile={_quoted(self.known_hosts)}"]
        return words


def _quoted(path: Path) -> str:
    """A path inside an option of OpenSSH, which splits at spaces and expands percent signs."""
    return '"' + str(path).replace("%", "%%") + '"'


class SshShell:
    """A shell on the board; one connection serves all calls. See `edgernn.devices.links.shell.Shell`."""

    kind = "linux"
    root = 'echo "root=$HOME/.edgernn"'

    def __init__(self, target: str, options: SshOptions | None = None) -> None:
        """Nothing is connected before the first call.

        Args:
            target: ``user@host``, or a name of the user's SSH configuration.
            options: what else is known.

        Raises:
            InputError: the target is none.
            EnvironmentProblem: OpenSSH is not installed here.
        """
        if not re.fullmatch(r"[^\s-][^\s'\"]*", target):
            raise InputError(f"device: must be user@host. Found: '{target}'.", hint="pi@raspberrypi.local, say.")
        program = shutil.which("ssh")
        if program is None:
            raise EnvironmentProblem("ssh: must be installed. Found: none.", hint="sudo apt-get install openssh-client")
        self.name = target
        self._folder = tempfile.mkdtemp(prefix="edgernn-ssh-")
        # Without a terminal nobody could answer a question; SSH_ASKPASS answers where it is set.
        silent = not sys.stdin.isatty() and "SSH_ASKPASS" not in os.environ
        self._command = [program, *(options or SshOptions()).words(), "-T"]
        self._command += ["-o", "BatchMode=yes"] if silent else []
        self._command += ["-o", "ConnectTimeout=15", "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3"]
        self._command += ["-o", "ControlMaster=auto", "-o", f"ControlPath={self._folder}/%C", "-o", "ControlPersist=60"]

    def call(self, script: str, *, seconds: float = 60.0) -> Finished:
        """Run a script with sh."""
        return self._ssh(script, None, seconds)

    def send(self, files: Mapping[str, bytes], folder: str, executable: frozenset[str]) -> None:
        """As an archive, through the same connection."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for name, content in files.items():
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(content), 0o700 if name in executable else 0o600
                archive.addfile(entry, io.BytesIO(content))
        done = self._ssh(f"umask 077; tar -xf - -C {quote(folder)}", packed.getvalue(), 1800)
        if done.status:
            full = "No space left" in done.said or "Disk quota" in done.said
            found = "no space left on it" if full else (done.said.strip().splitlines() or ["no reason given"])[-1]
            raise EnvironmentProblem(
                f"device '{self.name}': must take the files. Found: {found}.",
                hint="free some space there and deploy again." if full else "see what the device says.",
            )

    def _ssh(self, script: str, content: bytes | None, seconds: float) -> Finished:
        words = [*self._command, "--", self.name, f"exec sh -c {quote(script)}"]
        done = run_for(words, content, seconds, f"device '{self.name}'")
        if done.status == _LOST:
            problem = next(each for each in _PROBLEMS if re.search(each.pattern, done.said))
            raise EnvironmentProblem(
                f"device '{self.name}': must be reached by SSH. Found: {problem.found}.",
                hint=problem.hint.replace("HOST", self.name),
            )
        return done

    def close(self) -> None:
        """End the connection that the calls shared."""
        subprocess.run([*self._command, "-O", "exit", "--", self.name], capture_output=True, check=False)
        shutil.rmtree(self._folder, ignore_errors=True)
