"""Examples of whole jobs."""
