"""Report: figures, verdict, qualitative examples and the HTML page."""
