"""A device with a POSIX shell, however it is reached: what is put there, runs there, and stays as a service."""
