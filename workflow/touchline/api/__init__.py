"""Asking a model behind OpenAI's API: requests, journal, budget, batches, and a server of our own."""
