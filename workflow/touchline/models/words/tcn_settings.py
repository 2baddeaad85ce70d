"""Settings of the temporal convolutional network, which inference knows without torch."""

# Chosen on the valid split (benchmarks/README.md).
TRAINING_DEFAULTS = {
    "step_s": 2.0,
    "channels": 128,
    "layers": 6,
    "epochs": 6,
    "min_updates": 400,
    "min_count": 15,
    "ensemble_size": 4,
    "seed": 0,
}
