"""Models that run frame by frame: the options of a conversion, and sessions that feed what was converted."""
