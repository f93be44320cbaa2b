"""The userland of a Raspberry Pi OS: Debian's packages for Arm in a folder, run under proot and qemu-user.

Two traps: without QEMU_CPU the emulated processor has SVE, with which int8 results are wrong; and LiteRT wants the
/proc/cpuinfo and /sys/devices/system/cpu of a board.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from conftest import require_system

_PACKAGES = (
    "python3-minimal,libpython3-stdlib,libstdc++6,libgcc-s1,libffi8,dash,busybox-static,coreutils,tar,grep,sed,"
    "findutils,base-files"
)
_WITHOUT_STATX = Path(__file__).with_name("without_statx.py")
_SOURCE = "deb http://deb.debian.org/debian bookworm main"
_CPU = "processor\t: {core}\nBogoMIPS\t: 108.00\nFeatures\t: {features}\nCPU implementer\t: 0x41\n"
_CPU += "CPU architecture: {version}\nCPU variant\t: 0x0\nCPU part\t: 0xd08\nCPU revision\t: 3\n\n"


@dataclass(frozen=True)
class Kind:
    """A processor, as Debian, QEMU and /proc/cpuinfo call it.

    Attributes:
        debian: name of the architecture.
        qemu: the emulator.
        cpu: that it emulates.
        features: flags of the processor.
        version: of the architecture.
        compiler: for it, that this machine needs.
        packages: more that is needed there.
    """

    debian: str
    qemu: str
    cpu: str
    features: str
    version: int
    compiler: str
    packages: str = ""


PI_64 = Kind("arm64", "qemu-aarch64-static", "cortex-a72", "fp asimd evtstrm crc32 cpuid", 8, "aarch64-linux-gnu-gcc")
PI_32 = Kind(
    "armhf",
    "qemu-arm-static",
    "cortex-a15",
    "half thumb fastmult vfp edsp neon vfpv3 tls vfpv4 idiva idivt vfpd32 lpae evtstrm crc32",
    7,
    "arm-linux-gnueabihf-gcc",
    ",python3-numpy",
)


def make_userland(folder: Path, kind: Kind = PI_64) -> str:
    """Make it, and give the command that runs `$SSH_ORIGINAL_COMMAND` in it."""
    for program in ("mmdebstrap", "proot", kind.qemu, kind.compiler):
        require_system(program)
    words = ["mmdebstrap", "--quiet", "--variant=extract", f"--architectures={kind.debian}"]
    words += [f"--include={_PACKAGES}{kind.packages}", "bookworm", str(folder), _SOURCE]
    subprocess.run(words, check=True, capture_output=True)
    (folder / "bin" / "sh").unlink(missing_ok=True)
    (folder / "bin" / "sh").symlink_to("dash")
    (folder / "usr" / "bin" / "python3").unlink(missing_ok=True)
    (folder / "usr" / "bin" / "python3").symlink_to("python3.11")
    cores = "".join(_CPU.format(core=core, features=kind.features, version=kind.version) for core in range(4))
    (folder / "etc" / "cpuinfo").write_text(cores + "Model\t\t: Raspberry Pi 4 Model B Rev 1.4\n")
    processors = folder / "sys" / "devices" / "system" / "cpu"
    processors.mkdir(parents=True)
    for name in ("possible", "present"):
        (processors / name).write_text("0-1\n")
    for library in (folder / "usr" / "lib").glob("arm-linux-gnueabihf/*/lib[bl]*.so.3"):  # what packages set up
        (library.parents[1] / library.name).symlink_to(library.relative_to(library.parents[1]))
    (folder / "root").mkdir(exist_ok=True)
    proot = [sys.executable, str(_WITHOUT_STATX)] if kind is PI_32 else []
    proot += ["proot", "-0", "-q", kind.qemu, "-r", str(folder), "-b", "/proc", "-b", "/dev"]
    proot += ["-b", f"{folder}/etc/cpuinfo:/proc/cpuinfo", "-w", "/root"]
    inside = ["/usr/bin/env", "-i", "HOME=/root", "PATH=/usr/bin:/bin", f"QEMU_CPU={kind.cpu}", "/bin/sh", "-c"]
    return f'env QEMU_CPU={kind.cpu} {shlex.join([*proot, *inside])} "$SSH_ORIGINAL_COMMAND"'
