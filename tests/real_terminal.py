"""A terminal in which `edgernn` runs, and what it shows there."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import Literal


def shown(words: list[str], columns: int, stream: Literal["stdout", "stderr"]) -> str:
    """What a command writes to one of its streams where that is a terminal, without what moves or colours.

    The other stream is none. No variable tells a size.
    """
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    environment |= {"TERM": "xterm", "PYTHONPATH": str(Path(__file__).parent.parent)}
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    out, error = (side, subprocess.DEVNULL) if stream == "stdout" else (subprocess.DEVNULL, side)
    text = b""
    command = [sys.executable, "-m", "edgernn", *words]
    with subprocess.Popen(command, stdout=out, stderr=error, env=environment) as process:
        os.close(side)
        while True:
            try:
                part = os.read(main, 4096)
            except OSError:  # its other end is closed
                break
            if not part:
                break
            text += part
        os.close(main)
        assert process.wait() == 0
    return re.sub("\x1b\\[[0-9;?]*[a-zA-Z]", "", text.decode())
