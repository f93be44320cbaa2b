"""Keyword spotting from synthetic speech to a stream on a microcontroller's runtime; see `__main__`."""
