"""A board on a serial port: the lines that host and firmware exchange, the firmware's source, and the host's side."""
