"""The packages of Debian whose programs the tests call; `make packages` prints them."""

from __future__ import annotations

_GCC = ("gcc", "libc6-dev")
_CLANG = ("clang", "libclang-rt-14-dev")  # with the sanitizers' libraries
_ARM = ("gcc-arm-none-eabi", "libnewlib-arm-none-eabi")
_AARCH64 = ("gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross")
_RISCV = ("gcc-riscv64-unknown-elf", "picolibc-riscv64-unknown-elf")

PACKAGES: dict[str, tuple[str, ...]] = {
    "/lib/systemd/systemd": ("systemd",),
    "aapt": ("aapt", "android-framework-res"),
    "aarch64-linux-gnu-addr2line": ("binutils-aarch64-linux-gnu",),
    "aarch64-linux-gnu-gcc": _AARCH64,
    "adb": ("adb",),
    "arm-linux-gnueabihf-gcc": ("gcc-arm-linux-gnueabihf", "libc6-dev-armhf-cross"),
    "arm-none-eabi-addr2line": ("binutils-arm-none-eabi",),
    "arm-none-eabi-gcc": _ARM,
    "arm-none-eabi-size": ("binutils-arm-none-eabi",),
    "avr-gcc": ("gcc-avr", "avr-libc"),
    "c++": ("g++",),
    "cc": _GCC,
    "chromedriver": ("chromium-driver",),
    "chromium": ("chromium", "fonts-dejavu-core"),
    "clang": _CLANG,
    "clang++": (*_CLANG, "g++"),
    "cmake": ("cmake",),
    "espeak-ng": ("espeak-ng",),
    "flite": ("flite",),
    "g++": ("g++",),
    "gcc": _GCC,
    "javac": ("default-jdk-headless",),
    "kotlinc": ("kotlin",),
    "mmdebstrap": ("mmdebstrap",),
    "proot": ("proot",),
    "qemu-aarch64": ("qemu-user",),
    "qemu-aarch64-static": ("qemu-user-static",),
    "qemu-arm-static": ("qemu-user-static",),
    "qemu-system-arm": ("qemu-system-arm",),
    "qemu-system-riscv32": ("qemu-system-misc",),
    "riscv64-unknown-elf-addr2line": ("binutils-riscv64-unknown-elf",),
    "riscv64-unknown-elf-gcc": _RISCV,
    "sh": ("dash",),
    "simavr": ("simavr",),
    "ssh": ("openssh-client",),
    "sshd": ("openssh-server",),
}
"""Of each program that a test asks for by `require_system`, what brings it and what it needs beside."""


def packages_of(program: str) -> tuple[str, ...]:
    """What to install for a program, or for a library of one: ``arm-none-eabi-gcc: nano.specs``.

    Raises:
        LookupError: nobody has written it down yet.
    """
    name = program.partition(":")[0]
    if name not in PACKAGES:
        raise LookupError(f"'{name}' must be in tests/system_packages.py, with its packages of Debian.")
    return PACKAGES[name]


if __name__ == "__main__":
    print("\n".join(sorted({package for packages in PACKAGES.values() for package in packages})))
