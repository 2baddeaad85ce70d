"""The pictures of an invented match."""
