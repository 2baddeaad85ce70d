"""Connections to a server: encryption, redirects, and the size of responses."""

import gzip
import json
import zlib

import pytest

from chat_server import ChatServer, answer, completion
from questions import answers_of, content, entry, match
from touchline.core.problems import InputError
from touchline.models.api import http_client, journal, journal_tables, server
from touchline.models.api.server import journal_path, parse_settings

ONE = {"retries": 0, "concurrency": 1}


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://192.0.2.7:8000/v1", "not encrypted and leads to another machine"),
        ("http://models.example.org/v1", "not encrypted"),
        ("HTTP://models.example.org/v1", "not encrypted"),
        ("http://127.0.0.1.example.org/v1", "not encrypted"),
        ("http://localhost.example.org/v1", "not encrypted"),
        ("http://[2001:db8::1]/v1", "not encrypted"),
        ("http://127.0.0.1@models.example.org/v1", "user name or a password"),
        ("https://me:secret@models.example.org/v1", "user name or a password"),
        ("ftp://models.example.org/v1", "not an http or https address"),
        ("models.example.org/v1", "not an http or https address"),
        ("https://", "not an http or https address"),
        ("https://models.example.org:99999999/v1", "not an http or https address"),
        ("https://models.example\n.org/v1", "not the address of a server"),
    ],
)
def test_an_address_that_would_show_the_key_is_refused(address, said):
    with pytest.raises(InputError, match=said) as raised:
        parse_settings({"model": "a-model", "base_url": address})
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:8000/v1", "http://127.9.9.9/v1", "http://localhost:8000/v1",
     "http://LOCALHOST/v1", "http://[::1]:8000/v1", "https://models.example.org/v1"],
)  # fmt: skip
def test_this_machine_and_encrypted_addresses_need_no_setting(address):
    assert parse_settings({"model": "a-model", "base_url": address}).base_url == address


def test_a_setting_allows_plain_http_to_another_machine():
    parse_settings({"model": "a", "base_url": "http://192.0.2.7/v1", "allow_http": True})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_redirect_to_another_server_is_refused(status, host):
    with ChatServer() as other:

        async def redirect(exchange):
            target = f"http://{host}:{other.port}/v1/chat/completions"
            await exchange.send({}, status, Location=target)

        with ChatServer(redirect) as server:
            with pytest.raises(InputError, match=f"redirects to another server, http://{host}"):
                answers_of(server, budget={"max_usd": 1})
            assert len(server.asked) <= 4
            opened = journal.Journal(journal_path(parse_settings(entry(server))))
            assert opened.apply(journal_tables.read_spending) == (0, pytest.approx(0.0))
    assert other.asked == []
    assert other.keys == set()


@pytest.mark.parametrize("target", ["//", "http://[", "https://127.0.0.1:1/v1", "http://\x7f/"])
def test_a_redirect_to_nowhere_is_a_sentence(target):
    async def redirect(exchange):
        await exchange.send({}, 307, Location=target)

    with ChatServer(redirect) as server, pytest.raises(InputError):
        answers_of(server, match(chunks=1), **ONE)


def test_a_redirect_on_the_same_server_is_followed():
    async def redirect(exchange):
        if exchange.number % 2:
            await answer(exchange)
        else:
            await exchange.send({}, 307, Location="/v1/chat/completions")

    with ChatServer(redirect) as server:
        table = answers_of(server, match(chunks=1), **ONE)
        assert len(server.asked) == 10
    assert "skipped" not in table["status"].to_list()


@pytest.fixture
def small_limit(monkeypatch):
    monkeypatch.setattr(server.Server.connect, "__defaults__", (0, 100_000))


BLANKS = b" " * 10_000_000


@pytest.mark.parametrize("encoding", ["identity", "gzip", "deflate"])
def test_a_response_is_read_up_to_its_limit_whatever_its_compression(encoding, small_limit):
    body = {"identity": BLANKS, "gzip": gzip.compress(BLANKS), "deflate": zlib.compress(BLANKS)}

    async def flood(exchange):
        await exchange.send(body[encoding], Content_Encoding=encoding)

    with (
        ChatServer(flood) as flooding,
        pytest.raises(InputError, match="the response is larger than"),
    ):
        answers_of(flooding, match(chunks=1), **ONE)


def test_an_endless_error_is_not_read_to_its_end(small_limit):
    async def flood(exchange):
        await exchange.send(BLANKS, 404)

    with (
        ChatServer(flood) as flooding,
        pytest.raises(InputError, match="the response is larger than"),
    ):
        answers_of(flooding, match(chunks=1), **ONE)


def test_compressed_answers_are_read():
    async def compress(exchange):
        packed = gzip.compress(json.dumps(completion(exchange.body)).encode())
        await exchange.send(packed, Content_Encoding="gzip")

    with ChatServer(compress) as server:
        compressed = content(answers_of(server, match(chunks=1)))
    with ChatServer() as server:
        assert compressed.equals(content(answers_of(server, match(chunks=1))))


@pytest.mark.parametrize("cut", [0, 5, -3])
def test_a_compressed_response_that_is_damaged_is_a_sentence(cut):
    async def damage(exchange):
        packed = gzip.compress(json.dumps(completion(exchange.body)).encode())
        await exchange.send(packed[:cut] if cut else b"no gzip", Content_Encoding="gzip")

    with (
        ChatServer(damage) as server,
        pytest.raises(InputError, match=r"cannot be decompressed|is cut off"),
    ):
        answers_of(server, match(chunks=1), **ONE)


def test_a_piece_of_a_response_never_becomes_larger_than_the_limit():
    stream = http_client._LimitedStream(None, "gzip", 1000)
    assert len(stream._decompress(gzip.compress(BLANKS), 1001)) == 1001
