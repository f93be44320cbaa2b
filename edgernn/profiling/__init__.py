"""The verb ``profile``: bytes, memory, times, and whether it fits."""
