"""Models behind OpenAI's API: requests, budgets, the journal of answers, and batches."""
