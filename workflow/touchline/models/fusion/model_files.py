"""What a fused model is given and stored as: its settings, and the files of its folder."""

WEIGHTS, DESCRIPTION = "model.safetensors", "model.json"
# `fit_on` decides which matches the plan gives to `fit`.
SETTINGS = ("parents", "length_s", "fit_on")
