"""What of Snakemake 9.27 is not public: folders whose path has braces, and its scheduler."""

import heapq
import os
import random
from typing import Any

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


# Ready jobs that the scheduler looks at whenever a job has ended; each takes 0.2 ms.
READY_JOBS = 20


def lighten_scheduler(workflow: Any) -> None:
    """Let Snakemake look at few of the ready jobs at a time, and start them at any rate.

    Whenever a job has ended, it weighs all that are ready and asks the disk for the size of all
    their inputs. It is given the `READY_JOBS` of the highest priority, chosen at random among equals
    (or as many as there are cores): its own --scheduler-subsample does not heed priorities.

    The rate is limited only where the command line or the profile says so. The default is 100 jobs a second. After every look at the queue, Snakemake starts a timer of the
    limit's time span that looks at it again and starts the next, so that a study of hundreds of jobs
    keeps half a core busy. With a longer span there are fewer, but Snakemake ends only after the
    last of them. Without a limit there are none.
    """
    cores = workflow.resource_settings.cores or 0
    number = max(READY_JOBS, cores, workflow.resource_settings.nodes or 0)

    class Scheduler(type(workflow.scheduler)):  # type: ignore[misc]  # the class is Snakemake's
        @property
        def open_jobs(self) -> list:
            ready = super().open_jobs
            return heapq.nlargest(number, ready, key=lambda job: (job.priority, random.random()))

    workflow.scheduler.__class__ = Scheduler
    limiter = workflow.scheduler.job_rate_limiter
    if limiter is not None and (limiter.max_jobs, limiter.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None
