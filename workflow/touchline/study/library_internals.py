"""What of Snakemake 9.27 is not public: paths with braces, files to make again, its own CPU time."""

import gc
import os
from collections.abc import Callable, Collection, Hashable, Iterator
from functools import cache
from itertools import islice
from typing import Any

from snakemake import benchmark, common, rules  # type: ignore[import-untyped]  # no type information
from snakemake.persistence.file import FilePersistence  # type: ignore[import-untyped]  # no type information


def allow_braces(workflow: Any, folder: str) -> None:
    """Make the rules in `folder` work where its path, or that of the working folder, has braces.

    Snakemake formats the path of an environment, with its folder, and looks for locks with a
    pattern that has the path of the working folder.
    """
    if "{" in folder:
        for rule in workflow.rules:
            if rule.basedir.get_path_or_uri(secret_free=True) == folder:
                escaped = folder.replace("{", "{{").replace("}", "}}")
                rule.basedir = type(rule.basedir)(escaped)
    if "{" in os.getcwd():
        relative = property(lambda _: ".snakemake/locks", lambda _, path: None)
        FilePersistence._lockdir = relative


def make_again(files: Collection[str]) -> None:
    """Let Snakemake make these files again where its targets need them.

    `--forcerun` would make targets of them.
    """
    from snakemake import workflow  # at the start, its imports would go in a circle

    if not files or workflow.DAG.__module__ != "snakemake.dag":
        return

    class Graph(workflow.DAG):  # the class is Snakemake's
        def __init__(self, *arguments: Any, forcefiles: Collection[str], **options: Any) -> None:
            super().__init__(*arguments, forcefiles={*forcefiles, *files}, **options)

    workflow.DAG = Graph


# Looks at the queue after which the ready jobs are put in order again; few are at every look.
LOOKS, FEW_JOBS = 20, 100


def lighten_scheduler(workflow: Any) -> None:
    """Let Snakemake look at few of the ready jobs at a time, and start them at any rate.

    Whenever a job has ended, Snakemake works out the resources and the sizes of the inputs of all
    that are ready, and lists all that are not. It is given those of the highest priority of each
    kind, as many of a kind as can start at once: no others can be the best choice. Jobs of one
    kind, of the same rule and model, need the same resources.

    The rate is limited only where the command line or the profile says so. The default is 100 jobs
    a second. After every look at the queue, Snakemake starts a timer of the limit's time span that
    looks at it again and starts the next, so that a study of hundreds of jobs keeps half a core
    busy. With a longer span there are fewer, but Snakemake ends only after the last of them.
    Without a limit there are none.
    """

    class Scheduler(type(workflow.scheduler)):  # type: ignore[misc]  # the class is Snakemake's
        queues: tuple[list, ...] = ()  # the jobs of each kind, those of high priority first
        looks = 0
        filled = False

        @property
        def open_jobs(self) -> list:
            free = self.free_jobs()
            if free < 1:
                return []
            self.looks += 1
            in_order = self.looks < LOOKS and len(self.workflow.dag.ready_jobs) > FEW_JOBS
            jobs = self.first_jobs(free) if self.filled and in_order else []
            if not jobs:
                self.looks = 0
                self.queues = _queues(super().open_jobs)
                jobs = self.first_jobs(free)
            return jobs

        def free_jobs(self) -> int:
            return min(self.resources["_cores"], self.resources["_nodes"])

        def first_jobs(self, number: int) -> list:
            is_ready = self.workflow.dag.ready_jobs.__contains__
            return [job for queue in self.queues for job in islice(filter(is_ready, queue), number)]

        def job_selector(self, jobs: list) -> Any:
            selected = super().job_selector(jobs)
            self.filled = self.free_jobs() < 1
            return selected

        @property
        def remaining_jobs(self) -> "_OnDemand":
            return _OnDemand(lambda: super(Scheduler, self).remaining_jobs)

    workflow.scheduler.__class__ = Scheduler
    gc.freeze()  # the plan stays until the end
    limiter = workflow.scheduler.job_rate_limiter
    if limiter is not None and (limiter.max_jobs, limiter.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None


def _queues(ready: list) -> tuple[list, ...]:
    """Return the ready jobs of each kind, those of high priority first."""
    queues: dict[Hashable, list] = {}
    for job in sorted(ready, key=lambda job: job.priority, reverse=True):
        queues.setdefault(_kind(job), []).append(job)
    return tuple(queues.values())


def _kind(job: Any) -> Hashable:
    if job.is_group():
        return frozenset(one.rule.name for one in job.jobs)
    return job.rule.name, job.wildcards_dict.get("model")


class _OnDemand:
    """Jobs that are looked for when they are asked for, which the greedy scheduler never does."""

    def __init__(self, find: Callable[[], list]) -> None:
        self.find = find

    def __iter__(self) -> Iterator:
        return iter(self.find())

    def __len__(self) -> int:
        return len(self.find())


def lighten_process() -> None:
    """Spare work that Snakemake's process does for every job and that nothing comes of.

    `benchmark:` measures a job first half a second after its start, not at once, when the shell has
    not started the command yet; a shorter job has its time and NA. The parameters of a function, of
    a rule's inputs, settings and resources, are found out once. Python looks for garbage less
    often: a plan is made of millions of objects, and nearly all of them stay.
    """
    gc.set_threshold(100_000, 20, 100)

    class BenchmarkTimer(benchmark.BenchmarkTimer):
        def start(self) -> None:
            self.bench_record.process_gone = True  # until it is found running
            with self._lock:
                self._stopped = False
                self._schedule()

    if benchmark.BenchmarkTimer.__module__ == benchmark.__name__:
        benchmark.BenchmarkTimer = BenchmarkTimer
        common.get_function_params = rules.get_function_params = _cached(common.get_function_params)


def _cached(function: Callable) -> Callable:
    """Return a function that remembers its results for arguments that have a hash."""
    remembered = cache(function)

    def call(argument: Any) -> Any:
        return (remembered if isinstance(argument, Hashable) else function)(argument)

    return call
