"""Progress of a study on the terminal: one line per finished stage, bars for what is running.

Snakemake's messages say which jobs start, end and fail. A running job's own progress (training,
cutting, requests) is read from the end of its log file, where its progress bar is written; so it is
shown for jobs of a cluster as well.
"""

import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from snakemake_interface_logger_plugins.common import LogEvent

from touchline.core.clock import format_time
from touchline.core.problems import printable, shorten

HANDLED = {
    LogEvent.RUN_INFO,
    LogEvent.JOB_INFO,
    LogEvent.JOB_FINISHED,
    LogEvent.JOB_ERROR,
    LogEvent.WORKFLOW_STARTED,
    LogEvent.PROGRESS,
    LogEvent.JOB_STARTED,
}
# What Snakemake says in every run, which tells nobody anything.
ROUTINE = (
    "Assuming unrestricted shared filesystem",
    "Building DAG of jobs",
    "Conda environments: ignored",
    "Config file",
    "Provided cores",
    "Provided resources",
    "Rules claiming more threads",
    "Select jobs to execute",
    "Using profile",
    "Using shell",
    "Workflow defines that rule",  # is eligible for caching
)
SHOWN_LOGS = {"estimate"}  # rules whose log is what the user asked for
TAIL_BYTES = 1500
FAILED_LINES = 20
REFRESH_PER_SECOND = 2
BAR_WIDTH = 32
LONGEST_LABEL = 44
# A bar of tqdm: `fine-tuning:  56%|█████▌    | 10/18 [00:22<00:13,  1.67s/step]`.
BAR = re.compile(r"([^\r\n|]*?):?\s+(\d+)%\|[^|]*\| (\S+)/(\S+) \[[^<\]]*<([^,\]]+)")


@dataclass
class Stage:
    """The jobs of one rule: how many there are, and when the first of them started."""

    total: int
    done: int = 0
    failed: int = 0
    started_s: float | None = None

    @property
    def is_over(self) -> bool:
        return self.done + self.failed >= self.total


@dataclass(frozen=True)
class Job:
    """A running job: its rule, what Snakemake says about it, and its log."""

    rule: str
    message: str
    log: Path | None
    started_s: float = field(default_factory=time.monotonic)


class Progress:
    """Shows the records of Snakemake's log that `handles` names, and prints the others.

    `format_record` gives the text of a record. `plain` prints all records as Snakemake does. On
    what is no terminal there are no bars, only the lines.
    """

    def __init__(
        self,
        format_record: Callable[[logging.LogRecord], str],
        to_stdout: bool = False,
        plain: bool = False,
        show_failed_logs: bool = True,
    ) -> None:
        self.format_record, self.plain = format_record, plain
        self.show_failed_logs = show_failed_logs
        self.console = Console(stderr=not to_stdout, highlight=False, soft_wrap=True)
        self.stages: dict[str, Stage] = {}
        self.running: dict[int, Job] = {}
        self.failed: set[int] = set()  # numbers of jobs, which Snakemake may run again
        self.began_s = time.monotonic()
        self.lock = threading.Lock()
        self.live: Live | None = None

    def handles(self, record: logging.LogRecord) -> bool:
        """Return whether a record is shown as progress, whatever Snakemake is quiet about."""
        return not self.plain and getattr(record, "event", None) in HANDLED

    def update(self, record: logging.LogRecord) -> None:
        """Show one record."""
        if not self.handles(record):
            text = printable(self.format_record(record) or "")
            if text.strip() and (self.plain or not text.startswith(ROUTINE)):
                self.console.print(Text(text, "red" if record.levelno >= logging.ERROR else ""))
            return
        with self.lock:
            lines = list(self._note(record))
        for line in lines:  # without the lock, which the bars take while the console is theirs
            self.console.print(line)
        if self.stages and not self.live and self.console.is_terminal:
            self.live = Live(
                console=self.console,
                transient=True,
                refresh_per_second=REFRESH_PER_SECOND,
                get_renderable=self._bars,
            )
            self.live.start()

    def close(self) -> None:
        """Remove the bars."""
        live, self.live = self.live, None
        if live:
            live.stop()

    def _note(self, record: logging.LogRecord) -> Iterator[RenderableType]:
        """Take in an event and yield the lines to print."""
        fields = record.__dict__
        event = fields["event"]
        if event == LogEvent.RUN_INFO:
            counts = {rule: count for rule, count in fields["stats"].items() if rule != "total"}
            self.stages = {rule: Stage(count) for rule, count in counts.items()}
            yield f"{sum(counts.values())} jobs in {len(counts)} stages"
        elif event == LogEvent.JOB_INFO:
            rule = fields["rule_name"]
            stage = self.stages.setdefault(rule, Stage(0))
            stage.started_s = stage.started_s or time.monotonic()
            if fields["jobid"] in self.failed:
                self.failed.remove(fields["jobid"])
                stage.failed -= 1
            logs = [Path(path) for path in fields["log"] or ()]
            message = fields["rule_msg"] or _readable(rule)
            self.running[fields["jobid"]] = Job(rule, message, next(iter(logs), None))
            ended = stage.done + stage.failed
            under_way = sum(job.rule == rule for job in self.running.values())
            stage.total = max(stage.total, ended + under_way)
        elif event in (LogEvent.JOB_FINISHED, LogEvent.JOB_ERROR):
            number = fields["job_id"] if event == LogEvent.JOB_FINISHED else fields["jobid"]
            job = self.running.pop(number, None)
            if job:
                failed = event == LogEvent.JOB_ERROR
                if failed:
                    self.failed.add(number)
                yield from self._end(job, failed)

    def _end(self, job: Job, failed: bool) -> Iterator[RenderableType]:
        stage = self.stages[job.rule]
        stage.failed += failed
        stage.done += not failed
        if failed:
            yield Text.assemble(("✗ ", "red"), f"{printable(job.message)}: failed; ", f"{job.log}")
            if self.show_failed_logs and job.log:
                yield from (Text(f"    {line}") for line in _last_lines(job.log))
        elif job.rule in SHOWN_LOGS and job.log:
            yield from map(Text, _last_lines(job.log))
        if stage.is_over:
            mark = ("✗ ", "red") if stage.failed else ("✓ ", "green")
            jobs = f"{stage.total} job{'s' * (stage.total != 1)}"
            jobs += f", {stage.failed} failed" if stage.failed else ""
            elapsed = _elapsed(stage.started_s or job.started_s)
            yield Text.assemble(mark, f"{_readable(job.rule):24}{jobs:>16}{elapsed:>9}")

    def _bars(self) -> RenderableType:
        """Return a row per running stage or job with a bar of its own, and one for all jobs."""
        with self.lock:
            running, stages = list(self.running.values()), dict(self.stages)
        grid = Table.grid(padding=(0, 1))
        for rule in dict.fromkeys(job.rule for job in running):
            stage = stages[rule]
            if stage.total > 1:
                bar = ProgressBar(stage.total, stage.done, width=BAR_WIDTH)
                elapsed = _elapsed(stage.started_s or self.began_s)
                grid.add_row(_readable(rule), bar, f"{stage.done} of {stage.total}, {elapsed}")
        for job in running:
            found = read_bar(job.log) if job.log else None
            if found:
                what, percent, counts, left = found
                label = shorten(f"{printable(job.message)}: {what}", LONGEST_LABEL)
                bar = ProgressBar(100, percent, width=BAR_WIDTH)
                grid.add_row(Text(label), bar, Text(f"{counts}, {left} left"))
            elif stages[job.rule].total == 1:
                label = shorten(printable(job.message), LONGEST_LABEL)
                grid.add_row(Text(label), "", _elapsed(job.started_s))
        total = sum(stage.total for stage in stages.values())
        done = sum(stage.done for stage in stages.values())
        bar = ProgressBar(total, done, width=BAR_WIDTH)
        grid.add_row("all jobs", bar, f"{done} of {total}, {_elapsed(self.began_s)}")
        return Group("", grid)


def read_bar(log: Path) -> tuple[str, int, str, str] | None:
    """Return the progress bar at the end of a log: (what, percent, "done of total", time left).

    None without a bar that is under way; what is written after it ends it.
    """
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            tail = file.read().decode(errors="replace")
    except OSError:
        return None
    bars = list(BAR.finditer(tail.rstrip()))
    if not bars:
        return None
    found = bars[-1]
    if "\n" in tail[found.end() :].rstrip() or found[2] == "100":
        return None
    return printable(found[1].strip()), int(found[2]), f"{found[3]} of {found[4]}", found[5].strip()


def _last_lines(log: Path) -> Iterable[str]:
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    lines = [line.rpartition("\r")[2] for line in text.split("\n")]
    return [printable(line) for line in lines if line.strip()][-FAILED_LINES:]


def _readable(rule: str) -> str:
    return rule.replace("_", " ")


def _elapsed(since_s: float) -> str:
    return format_time(time.monotonic() - since_s)
