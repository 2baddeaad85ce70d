"""The match clock and the score, read from the picture of a broadcast."""
