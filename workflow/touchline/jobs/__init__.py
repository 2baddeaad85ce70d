"""What lets a job outlive its time: Slurm, attempts, locks, checkpoints."""
