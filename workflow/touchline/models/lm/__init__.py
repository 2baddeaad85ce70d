"""Language models of transformers, with and without video."""
