"""Fixture of the tests of jobs: this process as a Slurm job."""

import pytest

from touchline.jobs import slurm


@pytest.fixture
def under_slurm(monkeypatch):
    """Return a function that makes this process a given Slurm job of a given Snakemake run."""

    def set_job(job: str, run: str) -> None:
        monkeypatch.setattr(slurm, "job_id", lambda: job)
        monkeypatch.setattr(slurm, "run_id", lambda: run)

    return set_job
