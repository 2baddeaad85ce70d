"""Content of an invented match: its events, players' movements, commentary and sound."""
