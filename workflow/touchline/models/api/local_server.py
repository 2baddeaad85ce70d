"""A local API server for one job: `transformers serve` with a base model behind OpenAI's API.

The server is a child process that listens on a free port of the loopback interface. It ends when
its standard input is closed, so it ends with the job, however that ends, SIGKILL included.
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
# Time limit until the server listens; importing torch and loading the weights take most of it.
START_TIMEOUT_S = 600.0
END_TIMEOUT_S = 10.0


@contextlib.contextmanager
def serve(base: str) -> Iterator[str]:
    """Serve a base model while the block runs; yield the server's base URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "touchline.models.api.local_server", base],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None  # both are pipes
    assert process.stdout is not None
    try:
        port = process.stdout.readline().strip()
        if not port:
            raise InputError(f"base {base}: `transformers serve` cannot serve it (see above).")
        yield f"http://{HOST}:{port}/v1"
    finally:
        process.stdin.close()
        try:
            process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def main(argv: list[str]) -> None:
    """Serve the base named in `argv`, print the port when it listens, and end with stdin."""
    # Not documented as a Python interface (the command is), hence the bound in pyproject.toml.
    from transformers.cli.serve import Serve

    (base,) = argv
    out = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what the library prints goes to stderr
    command = Serve(base, host=HOST, port=0, non_blocking=True)
    start_s = time.monotonic()
    while not command.server.started:
        if time.monotonic() - start_s > START_TIMEOUT_S:
            raise InputError(f"base {base}: the server did not start within {START_TIMEOUT_S:g} s.")
        time.sleep(0.05)
    port = command.server.servers[0].sockets[0].getsockname()[1]
    os.write(out, f"{port}\n".encode())
    os.close(out)
    sys.stdin.read()
    os._exit(0)  # without waiting for open connections, as the server's threads would


if __name__ == "__main__":
    cli.run(main, sys.argv[1:])
