"""The HTTP client of API models: responses have a size limit, and redirects stay on the server."""

import ipaddress
import zlib
from collections.abc import AsyncIterator

import httpx2
import openai

from touchline.core.problems import InputError

# Largest response, as it is sent and after decompression; OpenAI's longest answers with their
# log-probabilities are shorter. The answers of a whole batch are one file.
MAX_RESPONSE = 16 * 2**20
MAX_BATCH_FILE = 2**30
# The key of `Response.extensions` that holds the refused target of a redirect.
REFUSED_REDIRECT = "touchline_refused_redirect"
_ZLIB_OR_GZIP = zlib.MAX_WBITS | 32


class ResponseError(httpx2.RequestError):
    """A response that is too large, or cannot be decompressed."""


def open_http_client(base_url: str, max_response: int) -> httpx2.AsyncClient:
    """Return a client for the server at `base_url`; its responses have at most so many bytes."""

    async def restrict(response: httpx2.Response) -> None:
        _limit_size(response, max_response)
        _refuse_redirect(response)

    return openai.DefaultAsyncHttpxClient(
        headers={"Accept-Encoding": "gzip"},
        event_hooks={"response": [restrict]},
        # A server on this machine is not behind a proxy.
        trust_env=not is_local(httpx2.URL(base_url).host),
    )


def check_address(url: str, allow_http: bool) -> None:
    """Raise `InputError` for an address that cannot be used, or would show the key to others."""
    try:
        address = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise InputError(
            f"base_url is not the address of a server ({error}): correct it."
        ) from None
    port_exists = address.port is None or 0 < address.port < 2**16
    if address.scheme not in ("http", "https") or not address.host or not port_exists:
        raise InputError(f"base_url {url} is not an http or https address: correct it.")
    if address.userinfo:
        raise InputError(
            "base_url contains a user name or a password: put the server's key into an environment "
            "variable, and name that in api_key_variable."
        )
    if address.scheme == "http" and not allow_http and not is_local(address.host):
        raise InputError(
            f"base_url {url} is not encrypted and leads to another machine, so that the key and the "
            "prompts can be read on the way: use https, or set allow_http to true for a network "
            "that you trust."
        )


def is_local(host: str) -> bool:
    """Return whether a host is this machine, by its name or its address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _refuse_redirect(response: httpx2.Response) -> None:
    """Turn a redirect to another server into an error status, so that no prompt is sent there."""
    location = response.headers.get("location")
    if location is None or not response.has_redirect_location:
        return
    origin = response.request.url
    try:
        target = origin.join(location)
        is_same = target.host == origin.host and (
            (target.scheme, target.port) == (origin.scheme, origin.port)
            or (origin.scheme, target.scheme, target.port) == ("http", "https", None)
        )
    except httpx2.InvalidURL:
        is_same = False
    if not is_same:
        del response.headers["location"]
        response.extensions[REFUSED_REDIRECT] = location


def _limit_size(response: httpx2.Response, limit: int) -> None:
    """Make the body of a response raise `ResponseError` where it is longer than `limit` bytes.

    httpx2 decompresses each piece as a whole, whatever its size, so it is done here.
    """
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    encoding = response.headers.pop("content-encoding", "").strip().lower()
    response.stream = _LimitedStream(response.stream, encoding, limit)


class _LimitedStream(httpx2.AsyncByteStream):
    """The decompressed body of a response."""

    def __init__(self, stream: httpx2.AsyncByteStream, encoding: str, limit: int) -> None:
        self._stream, self._limit = stream, limit
        is_compressed = encoding in ("gzip", "x-gzip", "deflate")
        self._decoder = zlib.decompressobj(_ZLIB_OR_GZIP) if is_compressed else None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received = decoded = 0
        async for piece in self._stream:
            received += len(piece)
            content = self._decompress(piece, self._limit + 1 - decoded)
            decoded += len(content)
            if max(received, decoded) > self._limit:
                raise ResponseError(f"the response is larger than {self._limit / 2**20:g} MiB")
            yield content
        if self._decoder and received and not self._decoder.eof:
            raise ResponseError("the compressed response is cut off")

    def _decompress(self, piece: bytes, max_length: int) -> bytes:
        """Return the content of a piece of the body, at most `max_length` bytes of it."""
        if self._decoder is None:
            return piece
        try:
            return self._decoder.decompress(piece, max_length)
        except zlib.error as error:
            raise ResponseError(f"the response cannot be decompressed ({error})") from error

    async def aclose(self) -> None:
        """Close the connection's stream."""
        await self._stream.aclose()
