"""Whatever breaks at whichever request of a run: the same answer, and nothing is done twice or on half an argument."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from lcode.events import StopReason, StreamRestarted, ToolFinished, ToolStarted
from tests.e2e.agent import Agent, Talk
from tests.e2e.program import MODELS, Ended, Program, tool_results
from tests.support import faults, fixture_repos
from tests.support.provider_server import Call, Fault, ProviderServer, Script, Turn, assert_prefix, call, turn

APIS = ("openai", "anthropic")
REQUESTS = 4
CALLS = ["read_file", "shell", "edit_file", "core_memory_append", "shell", "archival_memory_insert"]
AT = 400  # bytes into a stream: after its beginning, before its end

KINDS: dict[str, Callable[[], Fault]] = {
    "429": lambda: faults.status(429),
    "429 with Retry-After": lambda: faults.status(429, retry_after=7),
    "500": lambda: faults.status(500),
    "529": lambda: faults.status(529),
    "reset before headers": faults.reset,
    "reset": lambda: faults.reset(at=AT),
    "truncation": lambda: faults.truncate(AT),
    "HTML with 200": lambda: faults.html(200),
    "HTML with 502": lambda: faults.html(502),
    "hang before headers": faults.hang,
    "hang": lambda: faults.hang(at=AT),
}


@dataclass(frozen=True)
class Job:
    """A run of four requests with effects of its own, so that several can share a repository and a memory."""

    name: str
    folder: Path

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def text(self) -> Path:
        return self.folder / f"{self.name}.txt"

    def turns(self) -> list[Turn]:
        return [
            turn("I look.", call("read_file", path=self.text.name), call("shell", command=f"echo first >> {self.log.name}")),
            turn(
                call("edit_file", path=self.text.name, edits=[{"old": "one", "new": "one and one"}]),
                call("core_memory_append", label="conventions", content=f"Rule of {self.name}."),
            ),
            turn(
                call("shell", command=f"echo second >> {self.log.name}"),
                call("archival_memory_insert", content=f"Lesson of {self.name}."),
            ),
            turn(f"{self.name} is done."),
        ]

    async def run(self, agent: Agent, server: ProviderServer, api: str) -> Talk:
        """Have it done; everything must be done, once."""
        self.text.write_text("one\ntwo\n")
        self.log.unlink(missing_ok=True)
        talk = await agent.talk(server, api)
        finished = await talk.say("do it")
        assert (finished.stop_reason, finished.text) == (StopReason.END_TURN, f"{self.name} is done."), finished
        self.assert_done_once(agent)
        assert [event.name for event in talk.of(ToolStarted)] == CALLS
        assert_prefix(server.requests)
        server.assert_accepted()
        await talk.session.close()
        return talk

    def assert_done_once(self, agent: Agent) -> None:
        assert self.log.read_text() == "first\nsecond\n"
        assert self.text.read_text() == "one and one\ntwo\n"
        memory = agent.runtime.memory()
        assert memory.blocks.get("conventions").value.count(f"Rule of {self.name}.") == 1
        lessons = [passage.text for passage in memory.archival.search("", limit=100)]
        assert lessons.count(f"Lesson of {self.name}.") == 1


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fixture_repos.make("python", tmp_path_factory.mktemp("faults") / "repo")


def at_each_request(folder: Path, one: Callable[[Agent, Job, int], Awaitable[None]], idle_timeout: float = 120.0) -> None:
    """`one` for each request that something can happen to, side by side in one process."""

    async def work() -> None:
        agent = Agent.of(folder)
        agent.idle_timeout = idle_timeout
        await asyncio.gather(*(one(agent, Job(f"job{at}", folder), at) for at in range(REQUESTS)))
        await agent.runtime.close()

    asyncio.run(work())


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_at_any_request_changes_neither_the_answer_nor_what_is_done(shared: Path, api: str, kind: str) -> None:
    async def one(agent: Agent, job: Job, at: int) -> None:
        with ProviderServer(Script(job.turns())) as server:
            server.faults[at] = KINDS[kind]()
            talk = await job.run(agent, server, api)
            assert len(server.requests) == REQUESTS + 1
            assert server.requests[at].raw == server.requests[at + 1].raw
            (restart,) = talk.of(StreamRestarted)
            assert restart.reason and restart.wait in agent.waits
            assert (restart.wait >= 7) == ("Retry-After" in kind)

    at_each_request(shared, one, 2.0 if "hang" in kind else 120.0)


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("finish", ["length", "tool_calls"])
def test_half_an_argument_is_never_acted_on(shared: Path, api: str, finish: str) -> None:
    async def one(agent: Agent, job: Job, at: int) -> None:
        halves = [
            ("shell", f'{{"command": "echo half >> {job.log.name}; tru'),
            ("edit_file", f'{{"path": "{job.text.name}", "edits": [{{"old": "two", "new": "tw'),
            ("core_memory_append", f'{{"label": "conventions", "content": "Rule of {job.name}. And'),
            ("write_file", f'{{"path": "{job.text.name}", "content": "onl'),
        ]
        turns = job.turns()
        turns.insert(at, turn("Now.", Call(*halves[at]), finish=finish))
        with ProviderServer(Script(turns)) as server:
            talk = await job.run(agent, server, api)
            assert len(server.requests) == REQUESTS + 1
            told = tool_results(server.requests[at + 1].body)[-1]
            assert "Nothing was run" in told and halves[at][0] in told
            assert [event.is_error for event in talk.of(ToolFinished)].count(True) == 1

    at_each_request(shared, one)


@pytest.mark.parametrize("api", APIS)
def test_a_fault_of_each_kind_in_one_run(shared: Path, api: str) -> None:
    async def work() -> None:
        agent = Agent.of(shared)
        job = Job("all", shared)
        with ProviderServer(Script(job.turns())) as server:
            kinds = [kind for kind in KINDS if "hang" not in kind]
            server.faults.update({at + at // 3: KINDS[kind]() for at, kind in enumerate(kinds)})  # a whole one after three
            talk = await job.run(agent, server, api)
            assert len(talk.of(StreamRestarted)) == len(kinds)
        await agent.runtime.close()

    asyncio.run(work())


# what stays broken, in the real program

KEY = "sk-test-5b1f0c9a7d3e48f2a6c4"


def refused(lcode: Program, server: ProviderServer, api: str, **environ: str) -> Ended:
    lcode.environ = {**server.environ(api), **environ}
    return lcode("-p", "do it", "--model", MODELS[api])


def assert_explained(ended: Ended, code: int, words: str, hint: str) -> None:
    """An exit code, one line, a hint, and no answer."""
    assert (ended.code, ended.out) == (code, ""), ended.err
    line, _, rest = ended.err.partition("\n")
    assert line.startswith("lcode: ") and words in line
    assert hint in rest and rest.count("\n") == 1
    assert "Traceback" not in ended.err


def assert_no_key(ended: Ended, *keys: str) -> None:
    home = Path(os.environ["LCODE_HOME"])
    files = [path for path in home.rglob("*") if path.is_file()]
    assert any(path.name == "memory.db" for path in files)
    for key in keys:
        assert key not in ended.out + ended.err
        assert not [path for path in files if key.encode() in path.read_bytes()]


@pytest.mark.parametrize("api", APIS)
def test_a_wrong_key_is_explained_and_shown_nowhere(lcode: Program, api: str) -> None:
    with ProviderServer(Script(["never"]), api_key=KEY) as server:
        variable = f"{api.upper()}_API_KEY"
        wrong = KEY[::-1]
        ended = refused(lcode, server, api, **{variable: wrong})
        assert_explained(ended, 1, "refused the key", variable)
        assert_no_key(ended, KEY, wrong)
        assert len(server.requests) == 1


@pytest.mark.parametrize("api", APIS)
def test_a_request_that_is_refused_is_explained(lcode: Program, api: str) -> None:
    with ProviderServer(Script(["never"]), api_key=KEY) as server:
        server.faults[0] = faults.status(400)
        ended = refused(lcode, server, api)
        assert_explained(ended, 1, "HTTP 400", "Another model may")
        assert_no_key(ended, KEY)
        assert len(server.requests) == 1


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("wish", [0, 4000])
def test_a_service_that_stays_busy_is_a_temporary_failure(lcode: Program, api: str, wish: int) -> None:
    with ProviderServer(Script(["never"]), api_key=KEY) as server:
        server.faults.update({at: faults.status(429, retry_after=wish) for at in range(50)})
        ended = refused(lcode, server, api)
        assert_explained(ended, 75, "asks to slow down", "another model")
        assert_no_key(ended, KEY)
        assert len(server.requests) == (1 if wish else 6)


@pytest.mark.parametrize("api", APIS)
def test_a_failed_run_is_continued_where_it_stopped(lcode: Program, repo: Path, api: str) -> None:
    job = Job("half", repo)
    job.text.write_text("one\ntwo\n")
    with ProviderServer(Script(job.turns()), api_key=KEY) as server:
        server.faults[2] = faults.status(400)
        lcode.environ = server.environ(api)
        options = ("--model", MODELS[api], "--permission-mode", "yolo")
        failed = lcode("-p", "do it", *options)
        assert_explained(failed, 1, "HTTP 400", "Another model may")
        continued = lcode("-p", "-c", "go on", *options)
        assert (continued.code, continued.out) == (0, "half is done.\n"), continued.err
        assert job.log.read_text() == "first\nsecond\n"
        assert job.text.read_text() == "one and one\ntwo\n"
        assert_prefix(server.requests)
        server.assert_accepted()
