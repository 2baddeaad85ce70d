"""Highlight reels: free-text queries, clips, cutting, edit lists and a page to play them."""
