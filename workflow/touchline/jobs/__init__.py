"""Preemptible jobs: Slurm, the record of training attempts, locks and checkpoints."""
