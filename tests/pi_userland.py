"""The userland of a 64-bit Raspberry Pi OS: Debian's arm64 packages in a folder, run under proot and qemu-user.

Two traps: without QEMU_CPU the emulated processor has SVE, with which int8 results are wrong; and LiteRT wants the
/proc/cpuinfo and /sys/devices/system/cpu of a board.
"""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from conftest import require_system

_PACKAGES = (
    "python3-minimal,libpython3-stdlib,libstdc++6,libgcc-s1,libffi8,dash,busybox-static,coreutils,tar,grep,sed,"
    "findutils,base-files"
)
_CPU = "processor\t: {core}\nBogoMIPS\t: 108.00\nFeatures\t: fp asimd evtstrm crc32 cpuid\nCPU implementer\t: 0x41\n"
_CPU += "CPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: 0xd08\nCPU revision\t: 3\n\n"


def make_userland(folder: Path) -> str:
    """Make it, and give the command that runs `$SSH_ORIGINAL_COMMAND` in it."""
    for program in ("mmdebstrap", "proot", "qemu-aarch64-static"):
        require_system(program)
    words = ["mmdebstrap", "--quiet", "--variant=extract", "--architectures=arm64", f"--include={_PACKAGES}"]
    subprocess.run([*words, "bookworm", str(folder)], check=True, capture_output=True)
    (folder / "bin" / "sh").unlink(missing_ok=True)
    (folder / "bin" / "sh").symlink_to("dash")
    (folder / "usr" / "bin" / "python3").unlink(missing_ok=True)
    (folder / "usr" / "bin" / "python3").symlink_to("python3.11")
    (folder / "etc" / "cpuinfo").write_text(
        "".join(_CPU.format(core=core) for core in range(4)) + "Model\t\t: Raspberry Pi 4 Model B Rev 1.4\n"
    )
    cores = folder / "sys" / "devices" / "system" / "cpu"
    cores.mkdir(parents=True)
    for name in ("possible", "present"):
        (cores / name).write_text("0-1\n")
    (folder / "root").mkdir(exist_ok=True)
    proot = ["proot", "-0", "-q", "qemu-aarch64-static", "-r", str(folder), "-b", "/proc", "-b", "/dev"]
    proot += ["-b", f"{folder}/etc/cpuinfo:/proc/cpuinfo", "-w", "/root"]
    inside = ["/usr/bin/env", "-i", "HOME=/root", "PATH=/usr/bin:/bin", "QEMU_CPU=cortex-a72", "/bin/sh", "-c"]
    return f'env QEMU_CPU=cortex-a72 {shlex.join([*proot, *inside])} "$SSH_ORIGINAL_COMMAND"'
