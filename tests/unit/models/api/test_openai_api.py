"""The backend behind OpenAI's API: its prompts, predictions, tokens and costs."""

import pytest

from api_jobs import job
from chat_server import ChatServer, completion
from questions import ACTIONS, KEY, SAMPLES, answers_of, entry, match, requests_of
from touchline.core import schema
from touchline.core.problems import NOTED
from touchline.models import infer
from touchline.models.api import openai_api
from touchline.models.api.requests.questions import build_questions
from touchline.models.api.server import parse_settings
from touchline.prompts import prompt_text


def test_every_sample_is_answered_in_the_common_table_with_its_tokens_and_cost():
    a_match = match()
    with ChatServer() as server:
        table = answers_of(server, a_match)
    assert table.schema == schema.PREDICTIONS
    key = ["half", "chunk", "action"]
    assert table.select(key).equals(a_match.samples.select(key))
    spans = table.filter(status="ok")["intervals"].explode()
    assert spans.struct.field("confidence").null_count() == len(spans) > 0
    assert (spans.struct.field("end_s") - spans.struct.field("start_s")).unique().to_list() == [12]
    prompt = table["prompt_tokens"]
    cached = prompt // 2
    expected = ((prompt - cached) * 1.0 + cached * 0.25 + 10 * 4.0) / 1e6
    assert (table["cost_usd"] - expected).abs().max() < 1e-12
    assert table["seconds"].min() >= 0
    body = server.asked[0]
    assert body["max_completion_tokens"] == 50
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert server.keys == {f"Bearer {KEY}"}


def test_nothing_is_asked_twice_in_another_run_and_everything_with_other_parameters(kind):
    whole = requests_of(kind)
    with ChatServer() as server:
        first = answers_of(server)
        again = answers_of(server)
        assert len(server.asked) == whole
        assert again.equals(first)
        answers_of(server, parameters={"max_completion_tokens": 51})
        assert len(server.asked) == 2 * whole


def test_identical_prompts_are_asked_and_paid_once():
    silent = match(chunks=6, silent=True)  # on the chunk's clock all its chunks look alike
    with ChatServer() as server:
        table = answers_of(server, silent, prompt={"clock": "chunk"})
        assert len(server.asked) == len(ACTIONS)
        assert len(table) == 6 * len(ACTIONS)
        assert table["cost_usd"].null_count() == 0
        assert (table["cost_usd"] > 0).sum() == len(ACTIONS)
        answers_of(server, match(chunks=6, silent=True, name="another"), prompt={"clock": "chunk"})
        assert len(server.asked) == len(ACTIONS)


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        ({"text": ""}, "unparsable"),
        ({"text": None, "refusal": "I cannot do that."}, "refused"),
        ({"text": "", "finish": "content_filter"}, "refused"),
        ({"text": "", "finish": "length"}, "cut_off"),
        ({"text": "A Goal occurs at (00:", "finish": "length"}, "cut_off"),
        ({"text": "half of a pair: \ud83d"}, "unparsable"),
        ({"text": "x" * 1_000_000}, "unparsable"),
    ],
)
def test_an_odd_answer_is_recorded_and_not_asked_again(reply, status):
    async def reply_so(exchange):
        text = {"text": reply["text"]} if reply["text"] is not None else {"text": ""}
        await exchange.send(completion(exchange.body, **reply | text))

    with ChatServer(reply_so) as server:
        table = answers_of(server, match(chunks=1))
        assert table["status"].to_list() == [status] * 5
        assert answers_of(server, match(chunks=1)).equals(table)
        assert len(server.asked) == 5
    schema.write("out.parquet", table, schema.PREDICTIONS)


def test_a_megabyte_of_true_sentences_is_read():
    async def talk(exchange):
        goal = "a Goal occurs" in exchange.prompt
        text = "A Goal occurs at (00:10, 00:22). " * (30_000 if goal else 1)
        await exchange.send(completion(exchange.body, text=text))

    with ChatServer(talk) as server:
        table = answers_of(server, match(chunks=1))
    assert table.filter(action="goal")["intervals"].list.len().to_list() == [1]


def test_a_prompt_that_the_servers_filter_turns_down_is_a_refusal():
    async def turn_down(exchange):
        await exchange.fail(400, "content_filter", "flagged")

    with ChatServer(turn_down) as server:
        table = answers_of(server, match(chunks=1))
    assert table["status"].to_list() == ["refused"] * 5
    assert table["cost_usd"].to_list() == [None] * 5


def test_confidence_comes_from_the_log_probabilities_where_the_server_gives_them():
    async def surely(exchange):
        body = completion(exchange.body, text="A Goal occurs at (00:10, 00:22).")
        tokens = [("A Goal", -0.5), (" occurs at (00:10, 00:22).", -0.25)]
        body["choices"][0]["logprobs"] = {
            "content": [{"token": token, "logprob": logprob} for token, logprob in tokens]
        }
        await exchange.send(body)

    with ChatServer(surely) as server:
        table = answers_of(server, match(chunks=1), parameters={"max_tokens": 50, "logprobs": True})
    (interval,) = table.filter(action="goal")["intervals"].item()
    assert interval["confidence"] == pytest.approx(2.718281828**-0.75)


def test_a_server_without_usage_or_prices_leaves_cost_empty():
    async def tersely(exchange):
        body = completion(exchange.body)
        del body["usage"]
        await exchange.send(body)

    with ChatServer(tersely) as server:
        table = answers_of(server)
        assert table["prompt_tokens"].null_count() == table["cost_usd"].null_count() == SAMPLES
    with ChatServer() as server:
        assert answers_of(server, prices=None)["cost_usd"].null_count() == SAMPLES


def test_answers_that_state_nothing_usable_are_a_problem_with_a_remedy(kind):
    async def chat(exchange):
        await exchange.send(completion(exchange.body, text="What a <b>match</b>!"))

    with ChatServer(chat) as server:
        model = openai_api.load(entry(server), None)
        model.answer(match())
        (problem,) = model.problems
        assert problem.problem.startswith("20 of 20 answers of a-model state nothing usable")
        assert '(20 unparsable), such as "What a <b>match</b>!"' in problem.problem
        assert ("answer_format" in problem.remedy) == (kind == "chunk")
        assert problem.effect == NOTED
    with ChatServer() as server:
        model = openai_api.load(entry(server), None)
        model.answer(match())
        assert model.problems == []


def test_what_an_entry_lacks_is_told_before_it_is_asked():
    priced = {"model": "a-model", "prices": {"input": 1, "output": 1}}
    (note,) = openai_api.load(priced, None).notes()
    assert "has no budget" in note
    assert openai_api.load(priced | {"budget": {"max_requests": 5}}, None).notes() == []
    video = {"prompt": {"inputs": ["video"]}, "budget": {"max_requests": 5}}
    (note,) = openai_api.load(priced | video, None).notes()
    assert "no video.tokens_per_frame" in note
    local = {"model": "a-model", "base_url": "http://localhost:8000/v1"}
    assert openai_api.load(local, None).notes() == []
    assert openai_api.load({"base": "touchline:mistral"}, None).notes() == []


def test_infer_writes_the_table_that_the_model_gives(kind):
    with ChatServer() as server:
        arguments = job(server, match())[4:]
        infer.main(arguments)
        assert schema.read("out.parquet", schema.PREDICTIONS).equals(answers_of(server))


def test_the_prompts_of_a_match_are_built_once_per_chunk(monkeypatch):
    built = []
    build_prefix = prompt_text.build_prefix

    def counted(half, start_s, *arguments):
        built.append(start_s)
        return build_prefix(half, start_s, *arguments)

    monkeypatch.setattr(prompt_text, "build_prefix", counted)
    with ChatServer() as server:
        answers_of(server, match(chunks=4))
    assert built == [0.0, 60.0, 120.0, 180.0]


def test_the_requests_of_a_match_share_the_system_message():
    settings = parse_settings({"model": "a-model", "questions": "action"})
    requests = build_questions(match(chunks=3), settings).requests
    systems = {id(request.body["messages"][0]) for request in requests}
    assert len(systems) == 1
    assert len({request.key for request in requests}) == len(requests) == 3 * len(ACTIONS)
