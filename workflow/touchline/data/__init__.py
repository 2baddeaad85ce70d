"""Data of a study: the sheet of matches, labels, commentary, samples, and SoccerNet's file formats."""
