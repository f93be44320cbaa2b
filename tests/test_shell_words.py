"""What a device's shell has printed: clusters of cores, and a board's condition."""

from __future__ import annotations

from edgernn.devices.links.shell import Finished, clusters, condition


def printed(text: str) -> Finished:
    return Finished(0, text.encode(), "")


def test_cores_of_one_highest_clock_are_a_cluster() -> None:
    phone = "0=1800000\n1=1800000\n2=1800000\n3=1800000\n4=2253000\n5=2253000\n6=2850000\n10=2850000\n"
    assert clusters(printed(phone)) == {"1800 MHz": 0b1111, "2253 MHz": 0b110000, "2850 MHz": 1 << 6 | 1 << 10}
    assert clusters(printed("0=1500000\n1=1500000\n2=1500000\n3=1500000\n")) == {}  # a Raspberry Pi
    assert clusters(printed("")) == {}
    assert clusters(printed("0=\n1=unknown\n")) == {}


def test_a_board_s_condition_is_what_it_tells_of_it() -> None:
    told = "millidegrees=48312\nkilohertz=1500000\nthrottled=0x50000\n"
    assert condition(printed(told)) == {"temperature_c": 48.312, "clock_mhz": 1500.0, "throttled": "0x50000"}
    assert condition(printed("millidegrees=-2000\nkilohertz=\n")) == {"temperature_c": -2.0}
    assert condition(printed("")) == {}
