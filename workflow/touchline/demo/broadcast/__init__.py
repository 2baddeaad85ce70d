"""What happens, is said and is heard in an invented match."""
