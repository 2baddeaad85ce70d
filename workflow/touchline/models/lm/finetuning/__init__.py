"""QLoRA fine-tuning of language models, preemptible and on one or several GPUs."""
