"""Fetch what is missing of SoccerNet from the Hugging Face hub, and SoccerNet-Echoes with git.

SoccerNet's own package fetches from the same places (version 0.2.0, `SoccerNet/Downloader.py`), but
it does not say which files are missing, and stops at the first dataset that it may not read. Labels
and features are public; videos need an account of the hub that was granted access to them. Nobody
but the hub and the host of SoccerNet-Echoes is told of a download.
"""

import fcntl
import os
import re
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from tqdm import tqdm

from touchline.core.files import atomic_folder
from touchline.core.problems import NOTED, InputError, Problem, quoted

ECHOES = "https://github.com/SoccerNet/sn-echoes"
_LABELS, _FEATURES = ("SoccerNet/SN-Labels", "main"), "SoccerNet/SN-Features"
_VIDEOS = "SoccerNet/SoccerNet_raw_HQ"
_OF_HALVES = {
    "224p.mkv": (_VIDEOS, "videos-224p"),
    "720p.mkv": (_VIDEOS, "videos-720p"),
    "HQ.mkv": (_VIDEOS, "videos-HQ"),
    "baidu_soccer_embeddings.npy": (_FEATURES, "baidu-soccer-embeddings"),
    "ResNET_TF2.npy": (_FEATURES, "resnet-tf2"),
    "ResNET_TF2_PCA512.npy": (_FEATURES, "resnet-tf2-pca512"),
}
# The dataset and its revision (a branch) that has the file of this name in each game's folder.
PLACES = dict.fromkeys(["Labels-v2.json", "Labels-caption.json", "Labels-v3.json"], _LABELS) | {
    f"{half}_{name}": place for name, place in _OF_HALVES.items() for half in (1, 2)
}
_WORKERS = 8
_AGAIN = "Give the same command again: it goes on where it stopped."


def fetch_games(folder: Path, games: Sequence[str], files: Sequence[str]) -> list[Problem]:
    """Fetch these files of each game into `folder`, and return a problem for what was not to be had.

    `games` are SoccerNet's game paths, `files` names of `PLACES`. A file that exists is not fetched
    again, and one of which a part was fetched before is continued. Raises `InputError` for a name
    that is not in `PLACES`, and where the hub cannot be reached.
    """
    for name in files:
        if name not in PLACES:
            raise InputError(
                f"--download: {quoted(name)} is not a file that the hub has. It has "
                f"{', '.join(PLACES)}."
            )
    problems = []
    for place in dict.fromkeys(PLACES[name] for name in files):
        names = [name for name in files if PLACES[name] == place]
        paths = [f"{game}/{name}" for game in games for name in names]
        absent = [path for path in paths if not (folder / path).is_file()]
        if absent:
            problems += _fetch(*place, absent, folder)
    return problems


def _fetch(repository: str, revision: str, paths: list[str], folder: Path) -> list[Problem]:
    """Fetch these files of a dataset of the hub into `folder`; return what was not to be had."""
    import httpx2
    from huggingface_hub import HfApi, constants
    from huggingface_hub import errors as hub

    def listed(failed: Sequence[str], why: str, remedy: str) -> list[Problem]:
        if not failed:
            return []
        text = f"{len(failed)} of {len(paths)} files not fetched, such as {failed[0]}: {why}."
        return [Problem(repository, "sheet", text, remedy, NOTED)]

    def fetch(path: str) -> str | None:
        """Fetch a file; return why it was not to be had, or None."""
        try:
            _download(repository, commit, path, folder)
        except hub.GatedRepoError:
            raise
        except (hub.HfHubHTTPError, httpx2.HTTPError) as error:
            return _first_line(error)
        except OSError as error:  # the client's own check of what arrived; the disk has a number
            if error.errno is not None:
                raise
            return _first_line(error)
        return None

    try:
        info = HfApi().dataset_info(repository, revision=revision)
        commit = info.sha or revision
        there = {file.rfilename for file in info.siblings or []}
        found = [path for path in paths if path in there]
        # The first file alone, since a dataset without access refuses every file.
        reasons = [fetch(path) for path in found[:1]]
        with ThreadPoolExecutor(_WORKERS) as pool:
            rest = pool.map(fetch, found[1:])
            name = f"{repository.split('/')[-1]}, {revision}"
            reasons += tqdm(rest, name, len(found[1:]), unit="file", disable=None)
    except (hub.GatedRepoError, hub.RepositoryNotFoundError):
        return listed(
            paths,
            "access to this dataset is granted by its owners",
            f"Ask for it at {constants.ENDPOINT}/datasets/{repository}, log in with "
            "`hf auth login`, and give the same command again.",
        )
    except (hub.HfHubHTTPError, httpx2.HTTPError, hub.OfflineModeIsEnabled) as error:
        raise InputError(
            f"{constants.ENDPOINT}: {repository} cannot be read ({_first_line(error)}). {_AGAIN}"
        ) from error
    missing = [path for path in paths if path not in there]
    failed = {path: why for path, why in zip(found, reasons, strict=True) if why}
    return listed(
        missing,
        f"the dataset does not have them at its revision {revision}",
        "Nothing to do, unless you have them from elsewhere.",
    ) + listed(list(failed), next(iter(failed.values()), ""), _AGAIN)


def _download(repository: str, commit: str, path: str, folder: Path) -> None:
    """Fetch a file of a dataset of the hub; a part of it that was fetched before is continued.

    `hf_hub_download` (huggingface_hub 2.4) starts a file again after its process was killed.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers, disable_progress_bars

    disable_progress_bars()  # of each file: several are fetched side by side
    address = hf_hub_url(repository, path, repo_type="dataset", revision=commit)
    file = get_hf_file_metadata(address)
    headers = build_hf_headers()
    if urlsplit(file.location).netloc != urlsplit(address).netloc:
        headers.pop("authorization", None)  # the storage of large files is another host
    whole = folder / path
    whole.parent.mkdir(parents=True, exist_ok=True)
    version = re.sub(r"\W", "", file.etag or commit)[:16]
    partial = whole.with_name(f".{whole.name}.{version}.partial")
    with open(partial, "ab") as part:
        try:
            fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(f"{whole}: another process is fetching it. Wait for it.") from error
        http_get(
            file.location, part, resume_size=part.tell(), headers=headers, expected_size=file.size
        )
        part.flush()
        os.fsync(part.fileno())
        partial.replace(whole)


def fetch_echoes(folder: Path) -> None:
    """Clone SoccerNet-Echoes into `folder`, without its history, unless it is there.

    Raises `InputError` for a folder with something else in it, and where git fails.
    """
    if (folder / "Dataset").is_dir():
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(
            f"{folder}: is no checkout of SoccerNet-Echoes, whose folder Dataset it lacks. Name "
            "another folder with --echoes, or one that is not there yet."
        )
    with atomic_folder(folder) as partial:
        command = ["git", "clone", "--depth", "1", "--quiet", ECHOES, str(partial)]
        try:
            ended = subprocess.run(
                command, capture_output=True, text=True, errors="replace", check=False,
                env=os.environ | {"GIT_TERMINAL_PROMPT": "0"},
            )  # fmt: skip
        except FileNotFoundError as error:
            raise InputError(
                f"git is not installed, which fetches {ECHOES}. Install it (Debian, Ubuntu: apt "
                f"install git), or unpack the repository's archive into {folder} yourself."
            ) from error
        if ended.returncode:
            reason = (ended.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise InputError(f"{ECHOES} cannot be cloned ({quoted(reason)}). {_AGAIN}")


def _first_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return quoted(lines[0].rstrip("."))
