"""A model as a systemd service of the user on a Linux board: it reads frames and answers each with a line of JSON.

~/.edgernn/services/NAME/   the command `serve` and the units, which systemd is told of by links
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from edgernn.devices.links.shell import Shell, quote
from edgernn.errors import EnvironmentProblem, InputError

SOURCES = "socket, stdin or serial:/dev/NAME"
# Set by pam_systemd where somebody logs in; a command that is run over SSH may lack it.
_USER = 'export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-/run/user/$(id -u)}"; LC_ALL=C; export LC_ALL; '
_MINE = ".lingers-for-edgernn"  # is there when lingering was switched on by us

_SERVICE = """[Unit]
Description=edgernn: {name}
{unit}
[Service]
ExecStart=%h/.edgernn/services/{name}/{command}
{service}StandardError=journal
SyslogIdentifier=edgernn-{name}
UMask=0077
NoNewPrivileges=yes
"""
_ALWAYS = "Restart=always\nRestartSec=1\n"
_INSTALL = "\n[Install]\nWantedBy=default.target\n"


@dataclass(frozen=True)
class Service:
    """A service that is wanted.

    Attributes:
        name: letters, digits, ``-`` and ``_``.
        source: where frames come from: socket, stdin or serial:/dev/NAME.
        baud: of a serial port.
    """

    name: str
    source: str = "socket"
    baud: int = 115200

    def check(self) -> None:
        """Refuse what cannot be a service.

        Raises:
            InputError: a name or a source that is none.
        """
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", self.name):
            raise InputError(
                f"name of the service: must be up to 64 letters, digits, - and _. Found: '{self.name}'.",
                hint="give another --name.",
            )
        if self.source not in ("socket", "stdin") and not re.fullmatch(r"serial:/dev/[\w./:-]+", self.source):
            raise InputError(
                f"service: must be one of {SOURCES}. Found: '{self.source}'.",
                hint="--service alone means a socket; put ARTIFACT before it.",
            )

    @property
    def units(self) -> dict[str, str]:
        """The units' texts by file name; the first one is started, and the others on demand."""
        name = f"edgernn-{self.name}"
        if self.source == "socket":
            listening = (
                f"ListenStream=%t/{name}.socket\nSocketMode=0600\nAccept=yes\nMaxConnections=8\nRemoveOnStop=yes\n"
            )
            one = "StandardInput=socket\nStandardOutput=socket\n"
            return {
                f"{name}.socket": f"[Unit]\nDescription=edgernn: {self.name}\n\n[Socket]\n{listening}\n"
                "[Install]\nWantedBy=sockets.target\n",
                f"{name}@.service": _SERVICE.format(
                    name=self.name, command="serve", unit="CollectMode=inactive-or-failed\n", service=one
                ),
            }
        fed = f"StandardOutput=journal\n{_ALWAYS}"
        unit = "StartLimitIntervalSec=0\n"
        whole = _SERVICE.format(name=self.name, command="listen", unit=unit, service=fed)
        return {f"{name}.service": whole + _INSTALL}

    @property
    def listen(self) -> str:
        """A script that feeds the program, where systemd does not; none for a socket."""
        if self.source == "socket":
            return ""
        if self.source == "stdin":
            port, ready = "frames", "[ -p frames ] || mkfifo -m 600 frames"
        else:
            port = quote(self.source.partition(":")[2])
            ready = f"stty -F {port} {self.baud} raw -echo clocal"
        return f'#!/bin/sh\ncd "${{0%/*}}" || exit 1\n{ready} || exit 1\nexec ./serve <{port}\n'

    @property
    def reached(self) -> str:
        """How frames get there, for people."""
        name = f"edgernn-{self.name}"
        answers = f"answers: journalctl -t {name} -o cat -f"
        return {
            "socket": f"frames and answers: $XDG_RUNTIME_DIR/{name}.socket",
            "stdin": f"frames: ~/.edgernn/services/{self.name}/frames; {answers}",
        }.get(self.source, f"frames: {self.source.partition(':')[2]}; {answers}")


@dataclass(frozen=True)
class Installed:
    """A service that runs on a board.

    Attributes:
        service: which.
        copied_bytes: that had to be copied; 0 where it was there already.
        stays: whether it runs on when the user logs out.
    """

    service: Service
    copied_bytes: int
    stays: bool


def files_of(service: Service, command: str) -> Mapping[str, bytes]:
    """The files of a service, whose program is run by a command."""
    serve = f'#!/bin/sh\nexec {command} "$@"\n'
    texts = {"serve": serve, **service.units}
    if service.listen:
        texts["listen"] = service.listen
    return {name: text.encode() for name, text in texts.items()}


def start(shell: Shell, root: str, service: Service, *, anew: bool) -> bool:
    """Have systemd run what lies in the service's folder.

    Args:
        shell: the link.
        root: our folder on the board.
        service: which.
        anew: its files have changed.

    Returns:
        Whether it runs on when the user logs out.

    Raises:
        EnvironmentProblem: systemd is not there or refuses; then nothing of the service is left.
    """
    folder, units = f"{root}/services/{service.name}", list(service.units)
    first = units[0]
    links = " ".join(quote(f"{folder}/{unit}") for unit in units)
    act = "restart" if anew else "start"
    script = (
        f"{_USER} {quote(folder)}/serve </dev/null >/dev/null || exit 1; "
        f"systemctl --user --quiet link {links} && systemctl --user daemon-reload && "
        f"systemctl --user --quiet enable {first} && systemctl --user {act} {first} && "
        f"systemctl --user --quiet is-active {first}"
    )
    done = shell.call(script, seconds=120)
    if done.status:
        said = [line for line in done.said.splitlines() if line.strip()]
        stop(shell, root, service.name)
        raise EnvironmentProblem(
            f"device '{shell.name}': must start the service '{service.name}'. "
            f"Found: {said[-1].strip() if said else 'it does not stay active'}",
            hint="the board must run systemd with a session of the user; 'systemctl --user status' there tells more.",
        )
    stays = (
        f'{_USER} [ -e "/var/lib/systemd/linger/$(id -un)" ] || '
        f"{{ loginctl enable-linger && : > {quote(root)}/{_MINE}; }} >/dev/null 2>&1"
    )
    return shell.call(stays).status == 0


def halt(shell: Shell, name: str) -> None:
    """Stop a service and have systemd forget it; its files stay.

    Raises:
        EnvironmentProblem: the link fails.
    """
    shell.call(_USER + _halting(name), seconds=120)


def _halting(name: str) -> str:
    units = " ".join(quote(f"edgernn-{name}{end}") for end in (".socket", ".service", "@.service"))
    folder = '"${XDG_CONFIG_HOME:-$HOME/.config}"/systemd/user'
    return f"""
systemctl --user --quiet stop {units} {quote(f"edgernn-{name}@*.service")} >/dev/null 2>&1
for unit in {units}; do
  systemctl --user --quiet disable "$unit"
  rm -f {folder}/"$unit" {folder}/*.wants/"$unit"
done >/dev/null 2>&1
systemctl --user daemon-reload >/dev/null 2>&1
rmdir {folder}/*.wants {folder} >/dev/null 2>&1
"""


def stop(shell: Shell, root: str, name: str) -> bool:
    """Stop and remove a service, and, when it was the last one, all that is ours on the board.

    Returns:
        Whether it was there.

    Raises:
        EnvironmentProblem: the link fails.
    """
    folder = quote(f"{root}/services/{name}")
    script = f"""{_USER}
[ -e {folder} ] && there=yes
{_halting(name)}
rm -rf {folder}
rmdir {quote(root)}/services >/dev/null 2>&1
if ! [ -e {quote(root)}/services ]; then
  [ -e {quote(root)}/{_MINE} ] && loginctl disable-linger >/dev/null 2>&1
  rm -rf {quote(root)}
fi
echo "there=$there"
"""
    return shell.call(script, seconds=120).lines.get("there") == "yes"
