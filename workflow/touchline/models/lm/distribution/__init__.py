"""The distribution of a language model over its possible answers, computed over a trie."""
