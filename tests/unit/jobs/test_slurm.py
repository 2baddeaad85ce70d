"""What Slurm's commands print."""

import pytest

from touchline.jobs import slurm


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1:00", 60),
        ("59", 59),
        ("8:00:00", 28800),
        ("2-01:00:30", 176430),
        ("UNLIMITED", None),
        ("", None),
    ],
)
def test_the_times_that_slurm_prints_are_read(text, seconds):
    assert slurm.parse_time(text) == seconds
