"""From a query to clips, reels, edit lists and a page."""
