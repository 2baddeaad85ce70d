"""A local HTTP server with OpenAI's chat completions, files and batches, that can misbehave on purpose.

It runs in a thread of the test, on a free port. `behave(exchange)` decides what becomes of a chat
completion; by default it is answered. Everything that arrives is counted and kept.
"""

import asyncio
import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass
class Exchange:
    """A request and the connection that it came by; `number` counts chat completions from 0."""

    method: str
    path: str
    headers: dict[str, str]
    content: bytes
    writer: asyncio.StreamWriter
    number: int = -1

    @property
    def body(self) -> dict:
        return json.loads(self.content)

    @property
    def prompt(self) -> str:
        return text_of(self.body["messages"][-1]["content"])

    async def send(self, body: object, status: int = 200, **headers: object) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"HTTP/1.1 {status} Status", f"Content-Length: {len(content)}",
                 "Content-Type: application/json",
                 *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]  # fmt: skip
        self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + content)
        await self.writer.drain()

    async def fail(self, status: int, code: str | None = None, message: str = "no", **headers):
        await self.send({"error": {"message": message, "code": code}}, status, **headers)

    async def reset(self) -> None:
        """Break off in the middle of a body."""
        self.writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"choices": [')
        await self.writer.drain()
        self.writer.transport.abort()


def text_of(content: str | list[dict]) -> str:
    """Return the text of a message's content, which may be a list of parts."""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


def answer_text(body: dict) -> str:
    """Return an answer that depends on the prompt alone; about half of them state an interval.

    A question about a whole chunk is answered for the actions that the instructions list, in the form
    that the request asks for.
    """
    prompt = text_of(body["messages"][-1]["content"])
    start = re.search(r"The chunk runs from (\d+:\d\d)", prompt)[1]
    if asked := re.search(r"at which (an? .+) occurs", prompt):
        return _sentence(prompt, start, asked[1]) or f"No {asked[1].split(' ', 1)[1]} occurs."
    actions = re.search(r"The actions are: (.+)\.", text_of(body["messages"][0]["content"]))[1]
    found = {}
    for action in actions.split(", "):
        article = "an" if action[0] in "AEIOU" else "a"
        # The same answer as to the question about this action alone.
        question = f"Find all the times at which {article} {action} occurs in this chunk."
        alone = prompt.replace("Find all the times at which the listed actions occur in this chunk.",
                               question)  # fmt: skip
        found[action] = _sentence(alone, start, f"{article} {action}")
    sentences = {action: sentence for action, sentence in found.items() if sentence}
    if "response_format" not in body:
        return " ".join(sentences.values()) or "No action occurs."
    events = [
        {"action": action, "start": times[0], "end": times[1]}
        for action, sentence in sentences.items()
        for times in [re.findall(r"\d+:\d\d", sentence)]
    ]
    return json.dumps({"events": events})


def _sentence(prompt: str, start: str, action: str) -> str | None:
    digit = hashlib.sha256(prompt.encode()).digest()[0] % 40
    if digit % 2:
        return None
    minute = start.split(":")[0]
    return (
        f"{action[0].upper()}{action[1:]} occurs at ({minute}:{digit:02d}, {minute}:{digit + 12})."
    )


def completion(body: dict, text: str | None = None, finish: str = "stop", **message) -> dict:
    """Return a chat completion; tokens are counted as a quarter of the letters."""
    text = answer_text(body) if text is None else text
    prompt_tokens = sum(len(text_of(part["content"])) for part in body["messages"]) // 4
    return {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": body["model"],
        "choices": [{"index": 0, "finish_reason": finish,
                     "message": {"role": "assistant", "content": text, "refusal": None} | message}],
        "usage": {"prompt_tokens": prompt_tokens, "completion_tokens": 10,
                  "total_tokens": prompt_tokens + 10,
                  "prompt_tokens_details": {"cached_tokens": prompt_tokens // 2}},
    }  # fmt: skip


async def answer(exchange: Exchange) -> None:
    await exchange.send(completion(exchange.body))


class ChatServer:
    """The server; use it as a context manager."""

    def __init__(self, behave: Callable[[Exchange], Awaitable[None]] = answer, port: int = 0):
        self.behave, self.port = behave, port
        self.asked: list[dict] = []  # the bodies of the chat completions that arrived
        self.keys: set[str] = set()
        self.under_way = self.most_under_way = 0
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict] = {}
        self.batch_s = 0.0  # that making a batch takes
        self._loop = asyncio.new_event_loop()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> "ChatServer":
        asyncio.set_event_loop_policy(None)
        listening = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(listening,), daemon=True)
        self._thread.start()
        listening.wait()
        return self

    def __exit__(self, *_) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self, listening: threading.Event) -> None:
        server = self._loop.run_until_complete(
            asyncio.start_server(self._connection, "127.0.0.1", self.port, limit=2**24)
        )
        self.port = server.sockets[0].getsockname()[1]
        listening.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                method, path, _ = head[0].split(" ")
                pairs = (line.split(": ", 1) for line in head[1:] if line)
                headers = {name.lower(): value for name, value in pairs}
                content = await reader.readexactly(int(headers.get("content-length", 0)))
                await self._dispatch(Exchange(method, path, headers, content, writer))
        writer.close()

    async def _dispatch(self, exchange: Exchange) -> None:
        self.keys.add(exchange.headers.get("authorization", ""))
        if exchange.path != "/v1/chat/completions":
            await self._batch_api(exchange)
            return
        exchange.number = len(self.asked)
        self.asked.append(exchange.body)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await self.behave(exchange)
        finally:
            self.under_way -= 1

    # The Batch API: a batch is answered when the test calls `finish`.

    async def _batch_api(self, exchange: Exchange) -> None:
        method, parts = exchange.method, exchange.path.split("?")[0].split("/")[2:]
        if (method, parts) == ("POST", ["files"]):
            boundary = exchange.headers["content-type"].split("boundary=")[1].strip('"').encode()
            pieces = exchange.content.split(b"--" + boundary)
            piece = next(piece for piece in pieces if b'name="file"' in piece)
            id_ = f"file-{len(self.files)}"
            self.files[id_] = piece.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n")
            await exchange.send({"id": id_, "object": "file", "purpose": "batch"})
        elif method == "GET" and parts[0] == "files":
            await exchange.send(self.files[parts[1]])
        elif (method, parts) == ("POST", ["batches"]):
            await asyncio.sleep(self.batch_s)
            id_ = f"batch_{len(self.batches)}"
            self.batches[id_] = {
                "id": id_, "object": "batch", "status": "validating", "created_at": 1,
                "completion_window": "24h", **exchange.body,
            }  # fmt: skip
            await exchange.send(self.batches[id_])
        elif method == "GET" and parts == ["batches"]:
            await exchange.send({"object": "list", "data": list(self.batches.values()),
                                 "has_more": False})  # fmt: skip
        else:
            await exchange.send(self.batches[parts[1]])

    def finish(
        self, id_: str, status: str = "completed", leave_out: int = 0, text: str | None = None
    ) -> list[dict]:
        """Answer a batch, but for its last requests, and return the requests that it had."""
        batch = self.batches[id_]
        lines = self.files[batch["input_file_id"]].decode().splitlines()
        requests = [json.loads(line) for line in lines]
        written = [
            {"custom_id": request["custom_id"], "error": None,
             "response": {"status_code": 200, "body": completion(request["body"], text)}}
            for request in requests[: len(requests) - leave_out]
        ]  # fmt: skip
        output = f"file-{len(self.files)}"
        lines = (json.dumps(line, ensure_ascii=False) for line in written)
        self.files[output] = "\n".join(lines).encode()
        batch |= {"status": status, "output_file_id": output if written else None}
        return requests
