"""Prompts and answers: from a sample to prompt text, and from an answer's text to intervals."""
