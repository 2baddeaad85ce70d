"""`transformers serve` for the time of a job: a base in a folder behind OpenAI's API on this machine.

The server is a process of its own that listens on a port that the system chooses, on this machine
alone. It ends when its standard input does, so it goes with the job however that ends, SIGKILL
included.
"""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator

from touchline.core import cli
from touchline.core.problems import InputError

HOST = "127.0.0.1"
# Until the server listens; importing torch and loading the weights is most of it.
START_S = 600.0
END_S = 10.0


@contextlib.contextmanager
def serve(base: str) -> Iterator[str]:
    """Serve a base while the block runs; yield the server's base URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "touchline.models.api.local_server", base],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        port = process.stdout.readline().strip()
        if not port:
            raise InputError(f"base {base}: `transformers serve` cannot serve it (see above).")
        yield f"http://{HOST}:{port}/v1"
    finally:
        process.stdin.close()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def main(argv: list[str]) -> None:
    """Serve the base named in `argv`, print the port when it listens, and end with standard input."""
    from transformers.cli.serve import Serve

    (base,) = argv
    out = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # the library's own prints
    served = Serve(base, host=HOST, port=0, non_blocking=True)
    began = time.monotonic()
    while not served.server.started:
        if time.monotonic() - began > START_S:
            raise InputError(f"base {base}: the server did not start within {START_S:g} s.")
        time.sleep(0.05)
    port = served.server.servers[0].sockets[0].getsockname()[1]
    os.write(out, f"{port}\n".encode())
    os.close(out)
    sys.stdin.read()
    os._exit(0)  # its threads would wait for connections to be closed


if __name__ == "__main__":
    cli.run(main)
