"""Fixtures of several test files: studies that were run to their end, made once for all workers."""

import os
import re
import shutil
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from filelock import FileLock

# One thread a worker, since there is a worker a core: two that share two cores wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from project import Study, lay_study
from touchline.core.errors import extra_of

# The longest files of tests first: what runs alone at the end is short.
ORDER = ("slurm/", "workflow/", "unit/models/lm/", "unit/models/", "")
# Tests of single modules that train models, start servers or Snakemake, read the whole library, draw
# every figure, or cut and encode many videos.
SLOW = tuple(
    f"unit/{place}"
    for place in (
        *("models/lm/", "models/words/test_tcn", "models/test_contract", "models/api/", "own/"),
        *("demo/", "video/test_chunks", "reels/test_unusual_files", "reels/test_stream_copy"),
        *("reels/test_cut", "reels/test_highlights", "reels/test_query_fuzz", "core/test_cli"),
        *("core/test_full_disk", "core/test_digest", "core/test_control_files", "models/fusion/"),
        *("study/test_progress", "study/test_scheduling", "study/test_provenance"),
        *("data/test_labels_properties", "data/test_download", "scoreboard/test_read_video"),
        *("report/test_figures", "report/test_publish", "reels/test_stills"),
    )
)


def place_of(path: Path) -> str:
    """Return a path relative to tests/."""
    return path.relative_to(Path(__file__).parent).as_posix()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark the tests that `make test-fast` leaves out by what they need."""
    place = place_of(item.path)
    if not place.startswith("unit/") or "finished" in item.fixturenames or place.startswith(SLOW):
        item.add_marker(pytest.mark.slow)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out files of slow tests whole where no slow test runs: importing them takes long."""
    slow = collection_path.suffix == ".py" and place_of(collection_path).startswith(SLOW)
    return True if slow and config.option.markexpr == "not slow" else None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Start a worker more than there are cores: Slurm's tests and those of whole runs wait a lot."""
    return len(os.sched_getaffinity(0)) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests by `ORDER`."""

    def rank(item: pytest.Item) -> int:
        place = place_of(item.path)
        return next(rank for rank, start in enumerate(ORDER) if place.startswith(start))

    items.sort(key=rank)


def missing_extra(module: str | None) -> str | None:
    """Return the extra that a module is missing for; none under CI, where nothing may skip."""
    return None if os.environ.get("CI") else extra_of(module)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Skip a file of tests that imports what the core installation lacks, and say which extra."""
    report = yield
    missing = re.search(r"ModuleNotFoundError: No module named '([\w.]+)'", str(report.longrepr))
    if report.failed and missing and (extra := missing_extra(missing[1])):
        report.outcome = "skipped"
        report.longrepr = (str(collector.path), 0, f"Skipped: needs the extra '{extra}'")
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Skip a test that imports what the core installation lacks, and say which extra."""
    try:
        return (yield)
    except ModuleNotFoundError as error:
        if extra := missing_extra(error.name):
            pytest.skip(f"needs the extra '{extra}'")
        raise


@pytest.fixture(scope="session")
def made_once(tmp_path_factory) -> Callable[[str, Callable[[Path], None]], Path]:
    """Return a function that makes a named folder once in a run of the tests, whoever asks first.

    No test changes such a folder: it copies it.
    """
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent

    def make(name: str, fill: Callable[[Path], None]) -> Path:
        folder, done = root / f"once-{name}", root / f"once-{name}.done"
        with FileLock(root / f"once-{name}.lock"):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                fill(folder)
                done.touch()
        return folder

    return make


@pytest.fixture(scope="session")
def finished(made_once) -> Study:
    """A study of the demo's matches, text only, that was run to its end; not to be changed."""
    return Study(made_once("finished", lambda folder: lay_study(folder).snakemake()))


@pytest.fixture
def study(finished, tmp_path) -> Study:
    """A private copy of the finished study, times and all."""
    return finished.copy(tmp_path / "study")


@pytest.fixture(scope="session")
def reported_study(made_once) -> Path:
    """The folder of `report_study`: results, figures and report of a small study; not to be changed."""
    from report_study import lay_report_study  # which loads more than most tests need

    return made_once("report", lay_report_study)
