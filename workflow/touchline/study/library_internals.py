"""What of Snakemake 9.27 is not public: folders whose path has braces, and its rate limit."""

import os
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


def drop_rate_limit(workflow: Any) -> None:
    """Start jobs at any rate, unless the command line or the profile sets another limit.

    The default is 100 jobs a second. After every look at the queue, Snakemake starts a timer of the
    limit's time span that looks at it again and starts the next, so that a study of hundreds of jobs
    keeps half a core busy. With a longer span there are fewer, but Snakemake ends only after the
    last of them. Without a limit there are none.
    """
    limiter = workflow.scheduler.job_rate_limiter
    if limiter is not None and (limiter.max_jobs, limiter.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None
