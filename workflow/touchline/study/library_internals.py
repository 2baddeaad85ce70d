"""What of Snakemake 9.27 is not public: folders whose path has braces, which it takes for wildcards."""

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
