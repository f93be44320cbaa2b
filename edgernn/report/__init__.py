"""A comparison as files to read: Markdown, plots, and one self-contained HTML page."""
