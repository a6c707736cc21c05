"""Long conversations through the program: compacted on the way, with both APIs, a strict server and useless summaries."""

from __future__ import annotations

import asyncio
import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from lcode.events import Compacted, StepFinished, StopReason
from tests.agent.harness import Harness
from tests.e2e.program import MODELS, Program, system_text
from tests.support.provider_server import ProviderServer, Script, call, turn

RULE = "Never touch the file queue.py; our staging host is db-eu-4417."
PLAN = "The plan:\n1. write retry.py\n2. test retry.py\n\nNext: run bench_queue with seed 41."
LONG = "A long answer about the queue and its workers. " * 60


def answers(summary: Any) -> Any:
    def answer(body: dict[str, Any]) -> Any:
        last = json.dumps(body["messages"][-1])
        if "replaced by your summary" in last:
            return summary
        if "Plan it." in last:
            return PLAN
        return turn("Reading.", call("read_file", path="README.md"), call("list_dir")) if "Read it." in last else LONG

    return answer


def ask(lcode: Program, model: str, text: str, *options: str) -> None:
    done = lcode("-p", text, "--model", model, "--permission-mode", "yolo", *options)
    assert (done.code, done.err) == (0, ""), done.err


@pytest.mark.timeout(300)
@pytest.mark.parametrize("api", ["openai", "anthropic"])
def test_a_long_conversation_is_compacted_again_and_again_and_loses_nothing_that_matters(
    repo: Path, lcode: Program, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ProviderServer(Script(answers("Hm, not much."))) as server:
        for name, value in server.environ().items():
            monkeypatch.setenv(name, value)

        async def work() -> str:
            harness = Harness.open(repo, model=MODELS[api], context_window=24_000)
            session = await harness.runtime.new_session()
            for text in (RULE, "Plan it.", "Read it."):
                await harness.ask(session, text)
            number = 0
            while len(harness.of(Compacted)) < 3:
                number += 1
                finished = await harness.ask(session, f"question {number}")
                assert finished.stop_reason is StopReason.END_TURN, finished
            await harness.runtime.close()
            kinds = [type(event) for event in harness.events if isinstance(event, Compacted | StepFinished)]
            pairs = itertools.pairwise(kinds)
            assert not any(one is two is Compacted for one, two in pairs)
            assert all(event.tokens_after <= 0.7 * event.tokens_before for event in harness.of(Compacted))
            return session.id

        session_id: str = asyncio.run(work())
        lcode.environ = server.environ(api)
        ask(lcode, MODELS[api], "and now?", "-r", session_id)
        before, last = (json.dumps(one.body["messages"], ensure_ascii=False) for one in server.requests[-2:])
        for wanted in (RULE, "- [ ] test retry.py", "Next: run bench_queue with seed 41.", "<restated>\\n"):
            assert wanted in last, wanted
        assert before.split("question")[0] == last.split("question")[0]
        assert system_text(server.requests[-1].body) == system_text(server.requests[-2].body)
        server.assert_accepted()
        shown = lcode("sessions", "show", session_id)
        assert shown.out.count("compacted 2") == 3
        assert "question 1" in lcode("recall", "question 1").out


def test_a_session_is_compacted_and_taken_back_without_a_conversation(repo: Path, lcode: Program) -> None:
    with ProviderServer(Script(answers(turn(call("list_dir"))))) as server:
        lcode.environ = server.environ("openai")
        for text in (RULE, "Plan it.", "question 1", "question 2"):
            ask(lcode, MODELS["openai"], text, *([] if text is RULE else ["-c"]))
        name = lcode("sessions", "list").out.split("\n")[1].split()[0]
        compacted = lcode("sessions", "compact", name, "--keep", "the plan")
        assert compacted.code == 0, compacted.err
        assert "tokens are in its prompt" in compacted.out
        assert "without a model" in compacted.err
        document = json.loads(lcode("sessions", "show", name, "--json").out)
        assert document["compactions"][0]["trigger"] == "user"
        assert document["compactions"][0]["tokens_after"] < document["compactions"][0]["tokens_before"]
        ask(lcode, MODELS["openai"], "question 3", "-c")
        assert RULE in json.dumps(server.requests[-1].body["messages"])
        back = lcode("sessions", "uncompact", name)
        assert (back.code, "taken back" in back.err) == (0, True), back.err
        assert lcode("sessions", "uncompact", name).code == 1
        ask(lcode, MODELS["openai"], "question 4", "-c")
        sent = json.dumps(server.requests[-1].body["messages"])
        assert "<summary>\\n" not in sent
        assert sent.count(LONG.strip()) == 4
        server.assert_accepted()
