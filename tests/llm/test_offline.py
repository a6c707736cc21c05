"""The offline model, run through the real tools over real repositories and a real store."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcode.errors import ProviderError
from lcode.ids import new_id
from lcode.llm.offline import MAX_STEPS, OfflineProvider, read_turn
from lcode.llm.offline_answer import FOOTER
from lcode.llm.offline_intent import Intent, intent, kept
from lcode.llm.offline_rank import definition
from lcode.llm.offline_words import stem, stems, terms
from lcode.llm.protocol import Message, Reply, Request, Text, TextPiece, ToolCall, ToolResult, ToolSpec
from lcode.memory.archival import Archival
from lcode.memory.blocks import Blocks
from lcode.memory.model import Actor, Provenance, Source
from lcode.memory.recall import Recall
from lcode.memory.render import render_blocks
from lcode.memory.session_memory import SessionMemory
from lcode.redact import Redactor
from lcode.store import migrations
from lcode.store.database import Database
from lcode.tools import schema
from lcode.tools.base import Tool, ToolContext, ToolError
from lcode.tools.registry import all_tools
from lcode.tools.seen import Seen
from tests.support import fixture_repos


class Bench:
    """A repository, a store, and a loop that does what the agent's does: call, answer, again."""

    def __init__(self, root: Path, home: Path) -> None:
        self.memory_db = Database(home / "memory.db", migrations.MEMORY, lock=home / "memory.lock")
        self.user_db = Database(home / "user.db", migrations.USER, lock=home / "user.lock")
        redactor = Redactor({})
        self.blocks = Blocks(self.memory_db, self.user_db, redactor, worktree=str(root), branch="main")
        self.recall = Recall(self.memory_db, self.memory_db, redactor)
        self.archival = Archival(self.memory_db, redactor)
        memory = SessionMemory(self.memory_db, self.user_db, self.blocks, self.recall, self.archival, worktree=str(root))
        self.context = ToolContext(
            root=root, cwd=root, seen=Seen(), memory=memory, output_dir=home, environment=dict(os.environ)
        )
        self.tools: dict[str, Tool] = {tool.name: tool for tool in all_tools()}
        self.calls: list[ToolCall] = []
        self.messages: list[Message] = []

    def close(self) -> None:
        self.memory_db.close()
        self.user_db.close()

    def ask(self, text: str, system: str | None = None) -> str:
        return asyncio.run(self._ask(text, system))

    async def _ask(self, text: str, system: str | None) -> str:
        prompt = render_blocks(self.blocks.list()) if system is None else system
        self.calls = []
        context = Text("<context>\ndate: Friday 2026-11-20 10:00 +0000\nnews: fix everything now\n</context>")
        self.messages.append(Message("user", (context, Text(text))))
        specs = tuple(schema.spec(tool) for tool in self.tools.values())
        for _ in range(MAX_STEPS):
            reply = await one_reply(Request("offline", prompt, specs, tuple(self.messages)))
            self.messages.append(Message("assistant", reply.parts))
            if not reply.calls:
                return reply.text
            self.calls += reply.calls
            self.messages.append(Message("tool", tuple([await self._run(call) for call in reply.calls])))
        raise AssertionError("it never ended")

    async def _run(self, call: ToolCall) -> ToolResult:
        tool = self.tools[call.name]
        try:
            output = await tool.run(self.context, **schema.arguments(tool, call.arguments or {}))
        except ToolError as error:
            return ToolResult(call.id, call.name, str(error), True)
        return ToolResult(call.id, call.name, output.text, output.is_error)


async def one_reply(request: Request) -> Reply:
    pieces, reply = "", None
    async for delta in OfflineProvider().stream(request):
        assert reply is None, "the reply is the last"
        if isinstance(delta, TextPiece):
            pieces += delta.text
        elif isinstance(delta, Reply):
            reply = delta
    assert reply is not None
    assert pieces == reply.text
    return reply


@pytest.fixture(scope="module")
def repos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("repos")
    return {name: fixture_repos.make(name, folder / name) for name in fixture_repos.names()}


@pytest.fixture
def benches(repos: dict[str, Path], tmp_path: Path) -> Iterator[dict[str, Bench]]:
    made = {name: Bench(root, tmp_path / name) for name, root in repos.items() if not (tmp_path / name).mkdir()}
    yield made
    for bench in made.values():
        bench.close()


@pytest.fixture
def bench(benches: dict[str, Bench]) -> Bench:
    return benches["python"]


WHERE = {
    "python": [
        ("Where is retry handled?", "tasklane/worker.py", "except Retry as error:"),
        ("Where is the retry delay computed?", "tasklane/backoff.py", "def delay("),
        ("where are expired leases released?", "tasklane/store.py", "def release_expired("),
        ("where is SIGTERM handled", "tasklane/worker.py", "signal.signal(signal.SIGTERM, handle)"),
        ("Which code claims the next task?", "tasklane/store.py", "def claim_next("),
        (
            "Where is the size limit of a payload checked?",
            "tasklane/serializer.py",
            'raise BadPayload(f"the payload has {size}',
        ),
        ("where are dead tasks requeued?", "tasklane/queue.py", "def requeue("),
        ("Where is a unique key enforced?", "tasklane/store.py", "CREATE UNIQUE INDEX"),
        ("Where are schedule rules parsed?", "tasklane/schedule.py", "def parse_rule("),
    ],
    "typescript": [
        ("Where are errors turned into responses?", "src/errors.ts", "export function errorResponse("),
        ("where is the preflight handled?", "src/middleware/cors.ts", "if (isPreflight("),
        ("Where is the rate limit enforced?", "src/middleware/rateLimit.ts", "export function rateLimit("),
        ("Where are path segments decoded?", "src/path.ts", "export function decodeSegment("),
        ("where is the 405 method not allowed answer made?", "src/router.ts", "throw new HttpError(405"),
        ("Where is X-Forwarded-For trusted?", "src/server.ts", "const forwarded = "),
        ("How is middleware composed?", "src/compose.ts", "export function compose("),
        ("Where are idle clients evicted?", "src/middleware/rateLimit.ts", "function evictOldest("),
        ("where are cookies parsed?", "src/context.ts", "cookies(): Map"),
    ],
    "go": [
        ("Where are expired links handled?", "internal/server/handlers.go", "if link.Expired("),
        ("Where are panics recovered?", "internal/server/middleware.go", "func recovered("),
        ("Where is a last line dropped that a crash has cut?", "internal/store/file.go", "func (f *File) replay("),
        ("where are custom codes validated?", "internal/shortcode/shortcode.go", "func Validate("),
        ("Where are settings read from the environment?", "internal/config/config.go", "func fromEnvironment("),
        ("Where are javascript: targets refused?", "internal/server/handlers.go", "func checkTarget("),
        ("where are idle clients forgotten?", "internal/limiter/limiter.go", "func (l *Limiter) sweep("),
        ("Where are short codes encoded?", "internal/shortcode/shortcode.go", "func Encode("),
        ("where is the client address found out?", "internal/server/middleware.go", "func clientAddress("),
    ],
}


@pytest.mark.parametrize(("name", "question", "path", "line"), [(name, *row) for name, rows in WHERE.items() for row in rows])
def test_where_is_answered_with_the_right_file_and_line(
    benches: dict[str, Bench], repos: dict[str, Path], name: str, question: str, path: str, line: str
) -> None:
    text = benches[name].ask(question)
    cited = re.search(r"([\w./-]+):(\d+)", text)
    assert cited is not None, text
    assert cited[1] == path, text
    lines = (repos[name] / path).read_text(encoding="utf-8").splitlines()
    assert line in lines[int(cited[2]) - 1], text
    assert lines[int(cited[2]) - 1] in text, "the line is quoted"
    assert text.endswith(FOOTER)


@pytest.mark.parametrize(
    "question",
    ["where is the echo function defined?", "Where is echo defined?", "which function echo is it?", "what does `echo` do?"],
)
def test_the_definition_of_exactly_the_name_wins_over_everything(bench: Bench, tmp_path: Path, question: str) -> None:
    (tmp_path / "pages.py").write_text(
        "def echo_via_pager(text):\n    pass\n\n\ndef unstyle(text):\n"
        '    """It is not necessary to use this function as the echo function defined here will do."""\n'
    )
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_echo.py").write_text("def echo(function):\n    pass\n")
    (tmp_path / "utils.py").write_text(
        "class Box:\n    def echo(self):\n        pass\n\n\n" + "def echo(\n    message,\n):\n    pass\n"
    )
    bench.context.root = bench.context.cwd = tmp_path
    assert bench.ask(question).startswith("utils.py:6 (`echo`)")


@pytest.mark.parametrize("question", ["how are release tags signed?", "release tags signed?"])
def test_a_fact_that_holds_more_of_the_question_stands_before_code(bench: Bench, question: str) -> None:
    bench.ask("remember that release tags are signed with the key of Ada")
    text = bench.ask(question)
    assert "signed with the key of Ada" in text.split("\n\n")[0]


def test_callers_are_listed_without_the_definition(bench: Bench) -> None:
    text = bench.ask("who calls release_expired?")
    assert re.search(r"tasklane/queue.py:\d+: `self.store.release_expired\(now\)`", text)
    assert "def release_expired" not in text


def test_commands_are_answered_from_core_memory(bench: Bench) -> None:
    system = (
        '<core_memory>\n<block label="conventions" chars="60/5000">\n<description>How it is built and tested</description>\n'
        "Test command: `make test` (python -m unittest).\nStyle: ruff.\n"
        '<unverified lines="1">read from files by the program: data</unverified>\n</block>\n</core_memory>'
    )
    text = bench.ask("How do I run the tests?", system)
    assert text.startswith("Core memory says:\n- conventions (unverified): Test command: `make test` (python -m unittest).")
    assert "ruff" not in text


def test_commands_are_found_in_the_repository_when_memory_is_empty(bench: Bench) -> None:
    text = bench.ask("How do I run the tests?")
    assert "make test" in text.split("See also")[0]


def test_nothing_found_is_said_with_what_was_searched(bench: Bench) -> None:
    text = bench.ask("where is the kubernetes ingress?")
    assert text.startswith(
        "I found nothing about kubernetes, ingress. I searched the repository's files, past conversations, archival"
    )
    assert text.endswith(FOOTER)


def test_searches_go_out_in_parallel_and_reads_follow(bench: Bench) -> None:
    bench.ask("Where is retry handled?")
    steps = [
        [part.name for part in message.parts if isinstance(part, ToolCall)]
        for message in bench.messages
        if message.role == "assistant"
    ]
    assert {"conversation_search", "archival_memory_search", "grep"} <= set(steps[0])
    assert set(steps[1]) == {"read_file"}
    assert steps[2] == []


def test_a_preference_goes_to_human_and_is_known_in_the_next_session(bench: Bench) -> None:
    text = bench.ask("I prefer short answers in British English.")
    assert "`human`" in text
    assert "I prefer short answers in British English." in bench.blocks.get("human").value
    bench.messages.clear()
    assert "human: I prefer short answers in British English." in bench.ask("What do I prefer?")


def test_a_rule_of_the_project_goes_to_conventions_once(bench: Bench) -> None:
    bench.ask("Always run make lint before a commit")
    assert bench.blocks.get("conventions").value.strip().endswith("Always run make lint before a commit")
    text = bench.ask("Remember: always run make lint before a commit")
    assert "says that already" in text
    assert bench.calls == []


def test_another_fact_goes_to_archival_memory_and_is_found(bench: Bench) -> None:
    text = bench.ask("Remember that the staging database lives on host db7.")
    assert text.startswith("Kept in archival memory: The staging database lives on host db7.")
    bench.messages.clear()
    found = bench.ask("where does the staging database live?")
    assert "Archival memory has:" in found
    assert re.search(r"- \[.*\d{4}-\d\d-\d\d.*\] The staging database lives on host db7\.", found)


def test_a_full_block_sends_the_fact_to_archival_memory(bench: Bench) -> None:
    def refuse(*_: Any, **__: Any) -> ToolResult:
        raise ToolError("the block is full")

    bench.tools["core_memory_append"].run = refuse  # type: ignore[method-assign]
    assert bench.ask("I like tea").startswith("Kept in archival memory: I like tea")


_KEY = "sk-ant-api03-" + "q7Rk2pWz9TnB4xYv" * 2


@pytest.mark.parametrize(
    "text",
    [
        *(_KEY, f"My anthropic key is {_KEY}", f"remember that my anthropic key is {_KEY}", f"ANTHROPIC_API_KEY={_KEY}"),
        *(f"Remember: the key is {_KEY}, we use it in tests", f"remember {_KEY}"),
    ],
)
def test_a_secret_is_not_kept_and_that_is_said(bench: Bench, text: str) -> None:
    said = bench.ask(Redactor({}).redact(text))
    assert said.startswith("Secrets are not kept")
    assert bench.calls == []


def test_a_line_with_more_than_a_secret_is_kept(bench: Bench) -> None:
    url = "postgres://app:[redacted:url-credentials]@db.internal/app"
    assert bench.ask(f"remember that staging lives at {url}").startswith("Kept in")


def test_what_cannot_be_kept_is_said(bench: Bench) -> None:
    bench.tools = {name: tool for name, tool in bench.tools.items() if name in ("grep", "read_file")}
    assert bench.ask("remember that I like tea").startswith("I cannot keep it")
    assert bench.calls == []


def test_an_earlier_conversation_is_quoted_with_its_date(bench: Bench) -> None:
    session = bench.recall.create_session(branch="main", worktree="/w", head="", model="offline")
    words = "We chose the lease length of 300 seconds because imports take four minutes."
    by = Provenance(Actor.USER, Source.SAID, session)
    bench.recall.add_message("user", "user", [{"type": "text", "text": words}], words, by)
    text = bench.ask("Why is the lease length 300 seconds?")
    assert "From earlier sessions:" in text
    assert words in text
    assert re.search(r"- \[\d{4}-\d\d-\d\d", text)


@pytest.mark.parametrize(
    "text", ["Fix the failing test", "please run the tests", "Can you add a --json flag?", "Rename Queue to Lane."]
)
def test_a_change_or_a_command_is_declined_with_how_to_configure_a_model(bench: Bench, text: str) -> None:
    answer = bench.ask(text)
    assert bench.calls == []
    assert "export ANTHROPIC_API_KEY=" in answer
    assert "lcode config set model" in answer
    assert answer.count(FOOTER) == 1
    assert answer.endswith(FOOTER)


def test_what_tools_gave_and_old_questions_are_not_quoted(bench: Bench) -> None:
    by = Provenance(Actor.USER, Source.SAID, bench.recall.create_session(branch="", worktree="/w", head="", model="offline"))
    said = [
        ("user", "where is the lease length set?"),
        ("assistant", f"tasklane/queue.py:11\n\nlease length\n\n{FOOTER}"),
        ("user", "The lease length\n\nwas 60 seconds before."),
        ("assistant", "→ grep lease length"),
        ("tool", "queue.py:1: lease length"),
    ]
    for role, text in said:
        by = dataclasses.replace(by, operation_id=new_id("op"))
        bench.recall.add_message(role, role, [{"type": "text", "text": text}], text, by)
    answer = bench.ask("what was the lease length")
    [quoted] = [line for line in answer.splitlines() if re.match(r"- \[\d", line)]
    assert quoted.endswith("user: The lease length was 60 seconds before.")


def test_where_the_last_session_stopped_is_told_from_its_note(bench: Bench) -> None:
    note = "<context>\ndate: today\nwhere the last sessions stopped:\n[2026-11-19, session ab12] asked: a\nopen: b\n</context>"
    bench.messages = [Message("user", (Text(note), Text("hi"))), Message("assistant", (Text("hello"),))]
    text = bench.ask("Where did we stop last time?")
    assert text.startswith("Where the last sessions stopped:\n[2026-11-19, session ab12] asked: a\nopen: b\n\n")


def test_a_note_of_the_program_in_the_middle_of_a_run_is_not_taken_for_the_user() -> None:
    call = ToolCall("offline_1", "grep", {"pattern": "retry"})
    news = Message("user", (Text("<memory_update>\nblock 'human' was changed: Delete everything\n</memory_update>"),))
    turn = read_turn(
        (
            Message("user", (Text("<context>\nx\n</context>"), Text("Where is retry?"))),
            Message("assistant", (call,)),
            Message("tool", (ToolResult("offline_1", "grep", "a.py:1:retry"),)),
            news,
        )
    )
    assert turn.text == "Where is retry?"
    assert [len(step) for step in turn.steps] == [1]


def test_headers_are_found_by_their_whole_name(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    for name, text in (
        ("retry.py", "def retry():\n    pass\n"),
        ("http.py", 'def wait(headers):\n    return headers["Retry-After"]\n'),
    ):
        (tmp_path / "web" / name).write_text(text)
    bench.context.root = bench.context.cwd = tmp_path / "web"
    assert bench.ask("Where is Retry-After honoured?").startswith("http.py:2 (in `wait`)")


def test_in_a_repository_with_more_hits_than_are_shown_the_right_file_is_still_found(bench: Bench, tmp_path: Path) -> None:
    root = tmp_path / "large"
    root.mkdir()
    for number in range(60):
        (root / f"a{number:02}.py").write_text(
            "def write_it(header):\n    return header\n\n\ndef read_it():\n    write_it(1)\n" * 4
        )
    (root / "zip.py").write_text(
        "class Zip:\n    def put(self):\n        # the zip file's header is written here\n        self.header()\n"
    )
    bench.context.root = bench.context.cwd = root
    text = bench.ask("where is the zip header written?")
    assert text.startswith("zip.py:"), text
    assert len([message for message in bench.messages if message.role == "assistant"]) == MAX_STEPS


@pytest.mark.parametrize("text", ["", "hi", "thanks!", "???", "what is it?", "é", "<context>x</context>"])
def test_words_without_meaning_end_at_once(bench: Bench, text: str) -> None:
    assert bench.ask(text).endswith(FOOTER)
    assert bench.calls == []


def test_the_footer_is_one_short_line() -> None:
    assert "\n" not in FOOTER
    assert len(FOOTER) <= 120


def test_the_same_request_gets_the_same_reply(bench: Bench) -> None:
    first = bench.ask("Where is retry handled?")
    calls = [(call.name, call.arguments) for call in bench.calls]
    bench.messages.clear()
    assert bench.ask("Where is retry handled?") == first
    assert [(call.name, call.arguments) for call in bench.calls] == calls


def test_call_ids_do_not_repeat_in_a_session(bench: Bench) -> None:
    bench.ask("Where is retry handled?")
    bench.ask("Where is the delay?")
    ids = [part.id for message in bench.messages for part in message.parts if isinstance(part, ToolCall)]
    assert len(ids) == len(set(ids))


def test_a_summary_is_refused_so_that_an_extract_is_used() -> None:
    ask = Message("user", (Text("The context window is full: the conversation above will be replaced by your summary."),))
    with pytest.raises(ProviderError):
        asyncio.run(one_reply(Request("offline", "", (), (ask,))))


SPECS = tuple(schema.spec(tool) for tool in all_tools())


@given(
    st.text(max_size=80)
    | st.sampled_from(["where is x handled?", "remember that y is z", "who calls foo?", "how do I run the tests?"]),
    st.lists(st.sampled_from(SPECS), unique_by=lambda spec: spec.name),
    st.sampled_from(
        [
            "",
            "a.py:1:def x(): pass",
            "a.py:1:x\nb.py:2:foo(y)\n[cut]",
            "Nothing found",
            "[2026-01-01, fact]\ny is z",
            "7→x\n8→y",
        ]
    ),
    st.booleans(),
    st.text(max_size=200),
)
def test_it_always_ends_and_only_calls_what_is_offered(
    text: str, offered: Sequence[ToolSpec], output: str, fails: bool, system: str
) -> None:
    messages = [Message("user", (Text(text),))]
    for step in range(MAX_STEPS):
        reply = asyncio.run(one_reply(Request("offline", system, tuple(offered), tuple(messages))))
        if not reply.calls:
            assert reply.text.endswith(FOOTER)
            assert reply.finish == "stop"
            return
        assert step < MAX_STEPS - 1
        for call in reply.calls:
            [spec] = [spec for spec in offered if spec.name == call.name]
            tool = next(tool for tool in all_tools() if tool.name == call.name)
            assert call.arguments is not None
            assert set(spec.parameters["required"]) <= set(call.arguments)
            schema.arguments(tool, call.arguments)
        messages.append(Message("assistant", reply.parts))
        messages.append(Message("tool", tuple(ToolResult(call.id, call.name, output, fails) for call in reply.calls)))
    raise AssertionError("it never ended")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("remember that we deploy on Fridays", Intent.REMEMBER),
        ("Note: the API key rotates monthly", Intent.REMEMBER),
        ("Please always answer in German", Intent.REMEMBER),
        ("I prefer tabs", Intent.REMEMBER),
        ("my name is Ada", Intent.REMEMBER),
        ("Do you remember where the cache is?", Intent.ASK),
        ("where should I add a flag", Intent.ASK),
        ("what happens when I run the worker?", Intent.ASK),
        ("retry policy", Intent.ASK),
        ("Explain the scheduler", Intent.ASK),
        ("Could you please fix this?", Intent.ACT),
        ("run pytest", Intent.ACT),
        ("Add a flag, please?", Intent.ACT),
        ("release tags?", Intent.ASK),
        ("build system?", Intent.ASK),
        ("Test coverage?", Intent.ASK),
        ("hello", Intent.GREET),
        ("what did we do last time?", Intent.RESUME),
        ("where did I leave off", Intent.RESUME),
        ("where is the last line dropped?", Intent.ASK),
    ],
)
def test_intents(text: str, wanted: Intent) -> None:
    assert intent(text) is wanted


@pytest.mark.parametrize(
    ("text", "place", "content"),
    [
        ("remember that I live in Lisbon", "human", "I live in Lisbon"),
        ("Always answer briefly", "human", "Always answer briefly"),
        ("Please remember that we use pnpm, never npm.", "conventions", "We use pnpm, never npm."),
        ("never commit to main", "conventions", "Never commit to main"),
        ("keep in mind: the CI runner has 2 cores", "archival", "The CI runner has 2 cores"),
    ],
)
def test_what_is_kept_where(text: str, place: str, content: str) -> None:
    found = kept(text)
    assert found is not None
    assert (found.place, found.content) == (place, content)


def test_nothing_to_keep_is_noticed() -> None:
    assert kept("remember this:") is None


def test_inflected_words_share_a_stem() -> None:
    for words in (
        ("retry", "retries", "retried", "retrying"),
        ("stop", "stopped", "stops"),
        ("release", "released", "releases"),
    ):
        found = {stem(word) for word in words}
        assert len(found) == 1, found


def test_identifiers_are_found_by_their_parts() -> None:
    assert {stem("rate"), stem("limit")} <= stems("new RateLimitOptions()")
    found = [(term.word, term.weight) for term in terms("Where is the `max_attempts` default?")]
    assert found[0] == ("max_attempts", 1.0)
    assert ("default", 1.0) in found
    assert ("attempts", 0.4) in found


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("    async def run(self) -> None:", "run"),
        ("export default class Router {", "Router"),
        ("func (f *File) replay() error {", "replay"),
        ("pub(crate) fn new() -> Self {", "new"),
        ("  async #dispatch(context: Context): Promise<Response> {", "dispatch"),
        ("const alphabet = 3", "alphabet"),
        ("MAX_BYTES = 1", "MAX_BYTES"),
        ("    if (ready(x)) {", ""),
        ("    return run(x)", ""),
        ("    const inner = 3", ""),
    ],
)
def test_definitions_are_recognised(line: str, name: str) -> None:
    assert definition(line) == name
