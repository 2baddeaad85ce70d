"""QLoRA fine-tuning of language models."""
