"""Models on the words of the commentary."""
