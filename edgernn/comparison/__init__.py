"""The verb ``compare``: train, convert, verify and profile every combination, and say what the figures mean."""
