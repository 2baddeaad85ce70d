"""Data-parallel training: several processes on one machine, each with a GPU where there are any.

It replaces torchrun, which turns every exit status into 1: here, a process that ends with an
`InputError` or a status, such as 75 for a saved training, ends all others with the same.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from multiprocessing.queues import SimpleQueue
from types import FrameType

import torch
from torch import distributed
from torch.multiprocessing import ProcessExitedException, start_processes

from touchline.core.problems import InputError

HOST = "127.0.0.1"


def run(work: Callable[..., None], arguments: tuple, processes: int) -> None:
    """Call `work(*arguments)` in `processes` processes of torch.distributed; in this one for 1.

    They get their ranks from the environment, as under torchrun. When one ends early, the others
    are terminated, and its `InputError` or SystemExit is raised here. SIGTERM is forwarded to all.
    """
    if "RANK" in os.environ:
        raise InputError("start it without torchrun: the setting processes replaces it.")
    if processes == 1:
        work(*arguments)
        return
    gpus = torch.cuda.device_count()
    if 0 < gpus < processes:
        raise InputError(
            f"processes is {processes}, and torch finds {gpus} GPU: one each is needed."
        )
    store = distributed.TCPStore(HOST, 0, is_master=True, wait_for_workers=False)
    raised = multiprocessing.get_context("spawn").SimpleQueue()
    previous_handler = signal.signal(signal.SIGTERM, _forward)
    try:
        children = start_processes(
            _run_process, (processes, store.port, raised, work, arguments), processes, join=False
        )
        while not children.join():
            pass
    except ProcessExitedException as error:
        if not raised.empty():
            raise raised.get() from None
        print(f"{error}, so all are ended.", file=sys.stderr)
        code = error.exit_code
        raise SystemExit(128 - code if code < 0 else code) from None
    finally:
        signal.signal(signal.SIGTERM, previous_handler)


def _forward(number: int, _: FrameType | None) -> None:
    """Send a signal to all child processes."""
    for child in multiprocessing.active_children():
        if child.pid is not None:
            os.kill(child.pid, number)


def _run_process(
    rank: int,
    processes: int,
    port: int,
    raised: SimpleQueue[BaseException],
    work: Callable[..., None],
    arguments: tuple,
) -> None:
    """Call `work` as the process of this rank; put the exception that ends it in `raised`."""
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(processes),
        "MASTER_ADDR": HOST,
        "MASTER_PORT": str(port),
        # Undocumented: the store of `MASTER_PORT` exists already, so no process is to create it.
        "TORCHELASTIC_USE_AGENT_STORE": str(True),
    }
    # Data-loader workers are forked, as in a single process, so that they inherit the tokenizer.
    multiprocessing.set_start_method("fork", force=True)
    try:
        work(*arguments)
    except (InputError, SystemExit) as error:
        raised.put(error)
        sys.exit(1)
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()
