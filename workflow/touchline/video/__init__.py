"""From the video of a half to chunks and their frames, under the time contract."""
