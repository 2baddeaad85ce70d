"""Commands in forks of a process that has already imported the large libraries that they share.

Two thirds of a dry run of Snakemake are imports. Each command still has a process, a working directory,
an environment and a library of its own: of the project, nothing is imported before.
"""

import atexit
import importlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

# Not touchline, which comes from the study's copy of the project.
PRELOADED = [
    "PIL.Image",
    "docutils.core",
    "jsonschema",
    "pandas",
    "polars",
    "requests",
    "rich.live",
    "scipy.sparse.csgraph",
    "smart_open",
    "snakemake.cli",
    "snakemake_executor_plugin_slurm",
    "warm_start",
    "yaml",
    "yte",
]
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(PRELOADED)


def run_warm(
    module: str, *words: str, cwd: Path, environment: dict[str, str]
) -> subprocess.CompletedProcess:
    """Call `main` of a module as if the words had been typed in a shell; the first is the command."""
    with tempfile.TemporaryDirectory() as folder:
        streams = [Path(folder) / name for name in ("stdout", "stderr")]
        process = PROCESSES.Process(target=_run, args=(module, words, cwd, environment, *streams))
        process.start()
        process.join()
        texts = [stream.read_text() if stream.exists() else "" for stream in streams]
    return subprocess.CompletedProcess(words, process.exitcode, *texts)


def _run(
    module: str, words: tuple[str, ...], cwd: Path, environment: dict[str, str],
    stdout: Path, stderr: Path,
) -> None:  # fmt: skip
    """Be the process of a command."""
    for descriptor, path in ((1, stdout), (2, stderr)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), descriptor)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    searched = environment.get("PYTHONPATH", "").split(os.pathsep)
    here = str(Path(__file__).parent)
    sys.path[:] = [*filter(None, searched), *(path for path in sys.path if path != here)]
    sys.argv[:] = words
    try:
        sys.exit(importlib.import_module(module).main())
    except SystemExit:
        raise
    except BaseException:
        traceback.print_exc()
        sys.exit(1)
    finally:  # which a process of multiprocessing does not do by itself
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
