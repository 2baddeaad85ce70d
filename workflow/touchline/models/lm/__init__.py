"""Local language models of the transformers library, with and without video."""
