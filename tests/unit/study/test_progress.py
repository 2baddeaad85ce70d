"""Tests of the display of a study's progress, with a real Snakemake and a real terminal."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from touchline.study.progress import read_bar

WORKFLOW = Path(__file__).parents[3] / "workflow"
UNDER_WAY = "fine-tuning:  56%|#####     | 10/18 [00:22<00:13,  1.67s/step, loss=0.257]"
SNAKEFILE = """
rule all:
    default_target: True
    input: "trained.txt", expand("cut{number}.txt", number=[1, 2, 3])

rule cut_videos:
    output: "cut{number}.txt"
    log: "cut{number}.log"
    message: "Cut {wildcards.number}"
    shell: "touch {output} > {log} 2>&1"

rule train:
    output: "trained.txt"
    log: "train.log"
    message: "Train small"
    shell: "(printf '%s' '__BAR__'; sleep __SECONDS__; __COMMAND__) > {log} 2>&1"
"""


@pytest.fixture
def study(tmp_path):
    def write(command: str = "touch {output}", seconds: float = 0) -> list[str]:
        text = SNAKEFILE.replace("__COMMAND__", command).replace("__SECONDS__", str(seconds))
        (tmp_path / "Snakefile").write_text(text.replace("__BAR__", UNDER_WAY))
        options = "--cores 2 --logger touchline --quiet rules host reason --show-failed-logs"
        return [sys.executable, "-m", "snakemake", *options.split(), "--keep-going"]

    return write


def start(command: list[str], folder: Path, **options) -> subprocess.Popen:
    environment = os.environ | {"PYTHONPATH": str(WORKFLOW)}
    return subprocess.Popen(command, cwd=folder, env=environment, **options)


def test_each_finished_stage_is_a_line(study, tmp_path):
    run = start(study(), tmp_path, stderr=subprocess.PIPE, text=True)
    lines = run.communicate()[1].splitlines()
    assert run.returncode == 0
    assert "5 jobs in 3 stages" in lines
    assert {tuple(line.split()[:-1]) for line in lines if line.startswith("✓")} == {
        ("✓", "cut", "videos", "3", "jobs"),
        ("✓", "train", "1", "job"),
        ("✓", "all", "1", "job"),
    }
    assert not any("Building DAG" in line or "Select jobs" in line for line in lines)


def test_a_failed_job_is_named_with_the_end_of_its_log_and_the_rest_goes_on(study, tmp_path):
    command = study("printf 'no such base\\033[31m: x\\n' >&2; false")
    run = start(command, tmp_path, stderr=subprocess.PIPE, text=True)
    output = run.communicate()[1]
    assert run.returncode != 0
    assert "✗ Train small: failed; train.log" in output
    assert "no such base\\x1b[31m: x" in output
    assert "\x1b[31m: x" not in output.split("✗ Train small")[1].splitlines()[1]
    assert "✓ cut videos" in output


def test_a_terminal_shows_a_running_job_with_its_own_bar_and_the_time_left(study, tmp_path):
    terminal, side = pty.openpty()
    run = start(study(seconds=3), tmp_path, stderr=side, stdout=side)
    os.close(side)
    shown = b""
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown += part
    assert run.wait() == 0
    text = shown.decode()
    assert "Train small: fine-tuning" in text
    assert "10 of 18, 00:13 left" in text
    assert "all jobs" in text


def test_a_job_that_fails_and_is_run_again_is_no_failure_in_the_end(study, tmp_path):
    command = study("test -e tried || (touch tried; false) && touch {output}")
    run = start([*command, "--retries", "1"], tmp_path, stderr=subprocess.PIPE, text=True)
    output = run.communicate()[1]
    assert run.returncode == 0
    assert "✗ Train small: failed" in output
    assert [line.split()[:-1] for line in output.splitlines() if line.startswith("✓ train")] == [
        ["✓", "train", "1", "job"]
    ]


def test_shell_commands_are_shown_where_snakemake_is_asked_for_them(study, tmp_path):
    command = [word for word in study() if word not in ("--quiet", "rules", "host", "reason")]
    for options, shown in (([], False), (["--printshellcmds", "--forceall"], True)):
        run = start([*command, *options], tmp_path, stderr=subprocess.PIPE, text=True)
        assert ("touch cut1.txt > cut1.log" in run.communicate()[1]) == shown


def test_a_dry_run_lists_what_snakemake_lists(study, tmp_path):
    run = start([*study(), "-n"], tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = run.communicate()[0].decode()
    assert run.returncode == 0
    assert "cut_videos" in output
    assert "✓" not in output


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (UNDER_WAY, ("fine-tuning", 56, "10 of 18", "00:13")),
        (f"old: 3%|#  | 1/30 [00:01<00:29, 1s/it]\r{UNDER_WAY}", ("fine-tuning", 56, "10 of 18", "00:13")),
        (f"{UNDER_WAY}\nIt failed.\n", None),
        ("Loading weights: 100%|###| 46/46 [00:00<00:00, 886.17it/s]\n", None),
        ("no bar\n", None),
        ("", None),
    ],
)  # fmt: skip
def test_the_bar_at_the_end_of_a_log_is_read(log, expected, tmp_path):
    path = tmp_path / "job.log"
    path.write_text(log)
    assert read_bar(path) == expected


def test_a_log_that_is_not_there_yet_has_no_bar(tmp_path):
    assert read_bar(tmp_path / "job.log") is None
