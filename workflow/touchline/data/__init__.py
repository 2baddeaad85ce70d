"""The sheet of matches, labels, commentary, samples, and SoccerNet's file formats."""
