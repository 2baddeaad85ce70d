"""Command lines: what becomes of errors, and of control characters, in every command."""

import argparse
import io
import os
import re
import signal
import subprocess
import sys
import time

import polars as pl
import pytest
from tqdm import tqdm

from chunk_cutting import ffmpeg
from project import ENVIRONMENT, PYTHON, ROOT
from touchline import commands
from touchline.core import cli
from touchline.core.problems import InputError, Problem

HOSTILE = "Goal\x1b]0;owned\x07\x1b[2J\x9b31m\x08\x00\x7f"
SHOWN = "Goal\\x1b]0;owned\\x07\\x1b[2J\\x9b31m\\x08\\x00\\x7f"


def run(main, capfd) -> tuple[int, str, str]:
    """Run a stage; return its exit status and what it printed."""
    status = 0
    try:
        cli.run(main, [])
    except SystemExit as ended:
        status = ended.code
    return status, *capfd.readouterr()


def test_control_characters_of_whatever_is_printed_are_shown_as_escapes(capfd):
    def main(_):
        print(f"{HOSTILE}\tü\n⚽ é\r\nnext\rover")
        print("\ud800 and \udcff", file=sys.stderr)
        sys.stdout.writelines(["\x1b[A", HOSTILE])
        cli.report([Problem(HOSTILE, "labels", "it is odd.", "Correct it.")])
        raise InputError(f"{HOSTILE}: no.")

    status, out, err = run(main, capfd)
    assert status == 2
    assert out == f"{SHOWN}\tü\n⚽ é\nnext\\x0dover\n\x1b[A{SHOWN}"
    assert err.splitlines() == [
        "\\ud800 and \\udcff",
        f"problem: {SHOWN}: it is odd. Correct it. (match set aside)",
        f"error: {SHOWN}: no.",
    ]


def test_a_bug_is_a_traceback_without_control_characters(capfd):
    def main(_):
        raise KeyError(HOSTILE + "\x1b")

    status, _, err = run(main, capfd)
    assert status == 1
    assert "Traceback" in err
    assert "\x1b" not in err


def test_progress_bars_look_as_without_it():
    def bars(file):
        with tqdm(range(2), desc="outer", file=file) as outer:
            for _ in outer:
                for _ in tqdm(range(2), desc="inner", file=file, position=1, leave=False):
                    pass

    plain, wrapped = io.StringIO(), io.StringIO()
    bars(plain)
    bars(cli.PrintableStream(wrapped))
    kept = [character for character in plain.getvalue() if character in "\r\n\x1b"]
    assert "\x1b" in kept
    assert [character for character in wrapped.getvalue() if character in "\r\n\x1b"] == kept


def test_a_command_and_its_arguments_reach_the_terminal_without_control_characters(tmp_path):
    for words in (("no\x1bcommand",), ("labels", "--match", HOSTILE.replace("\0", ""), "--x\x1b")):
        done = subprocess.run(
            [PYTHON, "-m", "touchline", *words], cwd=tmp_path, env=ENVIRONMENT, capture_output=True
        )
        assert done.returncode
        assert b"\x1b" not in done.stdout + done.stderr
        assert b"Traceback" not in done.stderr


def test_a_missing_file_and_a_folder_in_place_of_one_are_sentences(tmp_path, capfd):
    for error, remedy in (
        (lambda: (tmp_path / "none").read_text(), "No such file or directory. Correct the path"),
        (lambda: tmp_path.read_text(), "Is a directory. Correct the path."),
        (lambda: pl.read_csv(tmp_path / "none.csv"), "none.csv"),
        (lambda: os.listdir(tmp_path / ("n" * 300)), "File name too long. Choose shorter names."),
    ):
        status, _, err = run(lambda _, error=error: error(), capfd)
        assert (status, err.count("\n")) == (2, 1), err
        assert remedy in err


def deep(levels: int) -> str:
    return '{"a": ' * levels + "1" + "}" * levels


UNUSABLE = {
    "[" * 100_000: "nested too deeply",
    deep(900): "nested too deeply",
    '{"1": ' + "9" * 5000 + "}": "too many digits",
    '{"1": ' + "9" * 400 + "}": "too large",
    '{"1": 1e999}': "infinite or not a number",
    '{"1": NaN}': "infinite or not a number",
    '{"1": "\\ud800"}': "half a character",
    "{'1': 2}": "line 1, column 2 is not JSON",
    "[1]": "is not of type 'object'",
}


@pytest.mark.parametrize("text", UNUSABLE, ids=range(len(UNUSABLE)))
@pytest.mark.parametrize(
    "command",
    [
        ("labels", "--match", "m", "--out", "o", "--actions", "{}", "--durations"),
        (
            "infer",
            "--backend",
            "constant",
            "--match",
            "m",
            "--samples",
            "s",
            "--out",
            "o",
            "--settings",
        ),
        ("chunks", "--video", "v", "--match", "m", "--half", "1", "--folder", "f", "--score-bug"),
    ],
    ids=lambda command: command[0],
)
def test_json_in_an_argument_that_no_setting_has_is_one_short_sentence(
    tmp_path, monkeypatch, capsys, command, text
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        cli.run(commands.module_of(command[0]), [*command[1:], text])
    assert ended.value.code == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert f"argument {command[-1]}: '" in message
    assert UNUSABLE[text] in message or "is not of the form" in message
    assert len(message) < 400
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"1": "a"}', "1: 'a' is not of type 'number'"),
        ('{"one": 2700}', "'one' does not match"),
        ('{"1": 0}', "1: 0 is less than or equal to the minimum of 0"),
        ('{"2": 1e9}', "2: 1000000000.0 is greater than the maximum of 14400.0"),
    ],
)
def test_durations_of_halves_are_checked(text, message):
    with pytest.raises(argparse.ArgumentTypeError, match=re.escape(message)):
        cli.half_durations(text)
    assert cli.half_durations('{"1": 2700, "2": 60.5}') == {1: 2700.0, 2: 60.5}


WAITS = """
import sys, time
from touchline.core import cli
def main(_):
    print("it runs", flush=True)
    time.sleep(600)
cli.run(main, [])
"""


def interrupt(command, cwd) -> tuple[int, str]:
    """Start a process, send it SIGINT after its first line; return its status and its errors."""
    process = subprocess.Popen(
        command, cwd=cwd, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    return process.returncode, err


def test_ctrl_c_is_one_line_and_status_130(tmp_path):
    status, err = interrupt([PYTHON, "-c", WAITS], tmp_path)
    assert (status, err) == (130, "interrupted: run the same command again to finish it.\n")


def test_ctrl_c_ends_a_command_that_decodes_in_another_process(tmp_path):
    """The terminal sends the signal to ffmpeg, too."""
    video = tmp_path / "half.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=640x360:r=25:d=30", "-preset", "ultrafast", video)
    words = ("chunks", "--video", video, "--match", "m", "--half", "1", "--length-s", "60")
    words += ("--folder", "c/m", "--manifest", "c/m.parquet")
    process = subprocess.Popen(
        [PYTHON, "-m", "touchline", *words],
        cwd=tmp_path, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    while process.poll() is None and not [*tmp_path.rglob("*.partial*")]:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err == "interrupted: run the same command again to finish it.\n"
    assert not [file for file in (tmp_path / "c").rglob("*") if file.is_file()]


REPORTS_THREADS = """
import os, numpy, polars, pyarrow, threadpoolctl
from touchline.core import cli
def main(_):
    table = polars.DataFrame({"a": range(100_000)})
    table.group_by(polars.col("a") % 7).agg(polars.len()).lazy().sort("a").collect()
    pools = [polars.thread_pool_size(), pyarrow.cpu_count()]
    pools += [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]
    print(max(pools), cli.given_threads(), os.environ["RAYON_NUM_THREADS"])
"""


@pytest.mark.parametrize("given", ["1", "3,4"])
def test_a_job_has_as_many_threads_as_it_was_given(given, tmp_path):
    (tmp_path / "reports_threads.py").write_text(REPORTS_THREADS)
    environment = {name: ENVIRONMENT[name] for name in ENVIRONMENT if "_THREADS" not in name}
    environment |= {"OMP_NUM_THREADS": given, "PYTHONPATH": f"{tmp_path}:{ROOT / 'workflow'}"}
    command = [PYTHON, "-c", "from touchline.core import cli; cli.run('reports_threads', [])"]
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert printed.stdout.split() == [given[0]] * 3


def test_a_command_that_is_typed_by_hand_has_all_cores(monkeypatch):
    monkeypatch.setattr(os, "environ", {})
    cli.limit_threads()
    assert cli.given_threads() == len(os.sched_getaffinity(0))
    assert "POLARS_MAX_THREADS" not in os.environ
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setenv("POLARS_MAX_THREADS", "1")
    cli.limit_threads()
    assert os.environ["POLARS_MAX_THREADS"] == "1"  # the user's own


def modules_after(*command: str) -> set[str]:
    """Return the modules that are imported when a command of `touchline` has run."""
    code = "import sys; from touchline.commands import main\ntry: main()\nexcept SystemExit: pass"
    code += "\nprint(*sys.modules)"
    process = [PYTHON, "-c", code, *command]
    run = subprocess.run(process, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in run.stdout.splitlines()[-1].split()}


HEAVY = {"jsonschema", "numpy", "polars", "pyarrow", "scipy", "sklearn", "torch", "tqdm", "yaml"}


def test_light_commands_import_no_library_that_they_do_not_need(tmp_path):
    labels, table = tmp_path / "labels.json", tmp_path / "labels.parquet"
    labels.write_text('{"annotations": []}')
    words = ("labels", "--match", "m", "--durations", '{"1": 60}', "--actions", '{"Goal": "goal"}')
    words += ("--file", labels, "--out", table)
    assert modules_after(*words) & HEAVY == {"polars"}
    assert table.exists()
    assert modules_after("help") & HEAVY == set()
