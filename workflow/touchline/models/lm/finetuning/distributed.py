"""Several processes of one machine that work together, each with its own GPU where there are some.

Like torchrun, but a process that ends on purpose ends them all as it wanted: torchrun makes 1 of
every exit status, and 75 says that a training was saved, to go on.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable

import torch
from torch import distributed
from torch.multiprocessing import ProcessExitedException, start_processes

from touchline.core.problems import InputError

HERE = "127.0.0.1"


def run(work: Callable[..., None], arguments: tuple, processes: int) -> None:
    """Call `work(*arguments)` in so many processes that torch.distributed joins; in this one for 1.

    Each finds its place in the environment, as under torchrun. When one ends early, the others are
    ended, and its `InputError` or SystemExit is raised here. SIGTERM is passed on to all.
    """
    if "RANK" in os.environ:
        raise InputError(
            "start it without torchrun: the setting processes does what torchrun does."
        )
    if processes == 1:
        work(*arguments)
        return
    gpus = torch.cuda.device_count()
    if 0 < gpus < processes:
        raise InputError(
            f"processes is {processes}, and torch finds {gpus} GPU: one each is needed."
        )
    store = distributed.TCPStore(HERE, 0, is_master=True, wait_for_workers=False)
    raised = multiprocessing.get_context("spawn").SimpleQueue()
    before = signal.signal(signal.SIGTERM, _pass_on)
    try:
        place = (processes, store.port, raised)
        children = start_processes(_take_part, (place, work, arguments), processes, join=False)
        while not children.join():
            pass
    except ProcessExitedException as end:
        if not raised.empty():
            raise raised.get() from None
        print(f"{end}, so all are ended.", file=sys.stderr)
        raise SystemExit(128 - end.exit_code if end.exit_code < 0 else end.exit_code) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _pass_on(number: int, _) -> None:
    for child in multiprocessing.active_children():
        os.kill(child.pid, number)


def _take_part(rank: int, place: tuple, work: Callable[..., None], arguments: tuple) -> None:
    """Do the work of one process; tell the one that started it why it ends early."""
    processes, port, raised = place
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(processes),
        "MASTER_ADDR": HERE,
        "MASTER_PORT": str(port),
        "TORCHELASTIC_USE_AGENT_STORE": str(True),  # the store is there, none is to be opened
    }
    # Those that load data are forked, as from any other process: they take the model's tokenizer along.
    multiprocessing.set_start_method("fork", force=True)
    try:
        work(*arguments)
    except (InputError, SystemExit) as error:
        raised.put(error)
        sys.exit(1)
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()
