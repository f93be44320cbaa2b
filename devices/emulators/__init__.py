"""Microcontrollers and single-board computers under QEMU: they count instructions, which is not time."""
