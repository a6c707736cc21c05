"""Sessions: the same bytes sent again, others heard of, taken up where they stopped."""

from __future__ import annotations

import itertools
import os
import re
from datetime import timedelta
from pathlib import Path

import pytest

from lcode import clock
from lcode.errors import SessionBusy, UserError
from lcode.llm.protocol import Request, Text
from lcode.llm.replay import ScriptedProvider
from lcode.memory.model import Actor, Source
from tests.agent.harness import Harness, reply, run
from tests.support import fixture_repos


@pytest.fixture(autouse=True)
def real_clock():
    yield
    clock.set_source(None)


def assert_prefix(requests: list[Request]) -> None:
    for earlier, later in itertools.pairwise(requests):
        assert (earlier.system, earlier.tools) == (later.system, later.tools)
        assert later.messages[: len(earlier.messages)] == earlier.messages


def words(request: Request) -> str:
    return "\n".join(part.text for message in request.messages for part in message.parts if isinstance(part, Text))


def test_requests_of_a_session_are_prefixes_also_across_memory_edits(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        script = harness.script(
            [
                reply("", ("core_memory_append", {"label": "conventions", "content": "Run make test."}), ("list_dir", {})),
                reply("one"),
                reply("", ("memory_rethink", {"label": "conventions", "new_memory": "Run make check."})),
                reply("two"),
            ]
        )
        session = await harness.runtime.new_session()
        await harness.ask(session, "first")
        await harness.ask(session, "second")
        assert_prefix(script.requests)
        assert "memory_update" not in words(script.requests[-1])
        assert session.memory.blocks.get("conventions").value == "Run make check."
        await harness.runtime.close()

    run(work())


def test_another_sessions_edit_is_told_once_in_an_appended_message(repo: Path) -> None:
    async def work() -> None:
        mine, theirs = Harness.open(repo), Harness.open(repo)
        script = mine.script([reply("one"), reply("two"), reply("three")])
        session = await mine.runtime.new_session()
        await mine.ask(session, "first")
        theirs.script([reply("", ("core_memory_append", {"label": "conventions", "content": "Use tabs."})), reply("ok")])
        await theirs.ask(await theirs.runtime.new_session(), "remember")
        await mine.ask(session, "second")
        await mine.ask(session, "third")
        assert_prefix(script.requests)
        assert "memory_update" not in words(script.requests[0])
        told = words(script.requests[1])
        assert "+Use tabs." in told
        assert "agent in another session" in told
        assert words(script.requests[2]).count("<memory_update>") == 1
        await mine.runtime.close()
        await theirs.runtime.close()

    run(work())


def test_a_rewrite_of_a_block_that_moved_on_is_refused_then_possible(repo: Path) -> None:
    async def work() -> None:
        mine, theirs = Harness.open(repo), Harness.open(repo)
        theirs.script([reply("", ("core_memory_append", {"label": "human", "content": "Theirs."})), reply("ok")])
        other = await theirs.runtime.new_session()
        rewrite = ("memory_rethink", {"label": "human", "new_memory": "Mine."})
        again = ("memory_rethink", {"label": "human", "new_memory": "Mine.\nTheirs."})

        async def meanwhile() -> None:
            await theirs.ask(other, "now")

        script = mine.script([reply("", ("list_dir", {})), reply("", rewrite), reply("", again), reply("done")])
        session = await mine.runtime.new_session()
        original = session.context.make_room

        async def make_room(emit: object) -> None:
            if len(script.requests) == 1:
                await meanwhile()  # after this step heard of others, before its request
            await original(emit)  # type: ignore[arg-type]

        session.context.make_room = make_room  # type: ignore[method-assign]
        await mine.ask(session, "go")
        told = str(script.requests[2].messages[-1])
        assert "was changed by agent" in told
        assert "Theirs." in told
        assert session.memory.blocks.get("human").value == "Mine.\nTheirs."
        await mine.runtime.close()
        await theirs.runtime.close()

    run(work())


@pytest.mark.parametrize("secret", ["", "correct-horse-battery"])
def test_a_prompt_resume_sends_the_same_bytes_and_appends_what_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    repo = fixture_repos.make("python", tmp_path / "correct-horse-battery")
    if secret:
        monkeypatch.setenv("SHOP_TOKEN", secret)  # the name of the place, which is kept redacted then

    async def work() -> None:
        first = Harness.open(repo)
        before = first.script([reply("", ("list_dir", {})), reply("one")])
        session = await first.runtime.new_session()
        await first.ask(session, "first")
        identity = session.id
        await first.runtime.close()
        other = Harness.open(repo)
        memory = other.runtime.memory()
        memory.blocks.append("human", "Likes cats.", memory.provenance(Actor.USER, Source.SAID))
        await other.runtime.close()
        second = Harness.open(repo)
        after = second.script([reply("two")])
        again = await second.runtime.resume_session()
        assert again.id == identity
        await second.ask(again, "second")
        assert_prefix([*before.requests, *after.requests])
        assert "+Likes cats." in words(after.requests[0])
        await second.runtime.close()

    run(work())


def test_a_late_resume_renders_the_prompt_anew(repo: Path) -> None:
    async def work() -> None:
        first = Harness.open(repo)
        before = first.script([reply("", ("core_memory_append", {"label": "human", "content": "Likes dogs."})), reply("one")])
        await first.ask(await first.runtime.new_session(), "first")
        await first.runtime.close()
        later = clock.now() + timedelta(hours=2)
        clock.set_source(lambda: later)
        second = Harness.open(repo)
        after = second.script([reply("two")])
        await second.ask(await second.runtime.resume_session(), "second")
        assert "Likes dogs." not in before.requests[0].system
        assert "Likes dogs." in after.requests[0].system
        assert "memory_update" not in words(after.requests[0])
        assert after.requests[0].messages[:3] == before.requests[1].messages[:3]
        await second.runtime.close()

    run(work())


def test_a_live_session_is_refused_elsewhere_and_skipped_by_continue(repo: Path) -> None:
    async def work() -> None:
        mine, theirs = Harness.open(repo), Harness.open(repo)
        for harness in (mine, theirs):
            harness.script([reply("one"), reply("two")])
        old = await mine.runtime.new_session()
        await mine.ask(old, "old")
        await old.close()
        live = await mine.runtime.new_session()
        await mine.ask(live, "live")
        with pytest.raises(SessionBusy, match="open in another terminal"):
            await theirs.runtime.resume_session(live.id)
        assert (await theirs.runtime.resume_session()).id == old.id
        listed = {row.id: row.live for row in await theirs.runtime.sessions()}
        assert listed == {live.id: True, old.id: True}
        await theirs.runtime.close()
        await mine.runtime.close()
        with pytest.raises(UserError, match="no session 'zzz'"):
            await Harness.open(repo).runtime.resume_session("zzz")

    run(work())


def test_the_next_session_is_told_where_the_last_one_stopped(repo: Path) -> None:
    async def work() -> None:
        first = Harness.open(repo)
        edit = ("edit_file", {"path": "README.md", "edits": [{"old": first_line, "new": first_line + " and more"}]})
        first.script(
            [
                reply("", ("read_file", {"path": "README.md"})),
                reply("", edit, ("shell", {"command": "exit 3"}), ("shell", {"command": "true"})),
                reply("The title is longer; the tests are still to be run."),
            ]
        )
        await first.ask(await first.runtime.new_session(), "make the title longer")
        await first.runtime.close()
        second = Harness.open(repo)
        script = second.script([reply("hi"), reply("ho")])
        session = await second.runtime.new_session()
        await second.ask(session, "hello")
        told = words(script.requests[0])
        for part in ("asked: make the title longer", "changed: README.md", "passed: true", "failed: exit 3", "still to be run"):
            assert part in told, told
        await second.ask(session, "again")
        assert words(script.requests[1]).count("where the last sessions stopped") == 1
        await second.runtime.close()

    first_line = (repo / "README.md").read_text().splitlines()[0]
    run(work())


def test_past_sessions_are_found_by_search_and_the_present_one_is_not(repo: Path) -> None:
    async def work() -> None:
        first = Harness.open(repo)
        first.script([reply("The flux capacitor is in engine.py.")])
        await first.ask(await first.runtime.new_session(), "where is the flux capacitor?")
        await first.runtime.close()
        second = Harness.open(repo)
        search = ("conversation_search", {"query": "capacitors"})
        script = second.script([reply("", search), reply("found")])
        await second.ask(await second.runtime.new_session(), "which capacitors did we speak of?")
        found = str(script.requests[-1].messages[-1])
        assert "engine.py" in found
        assert "which capacitors" not in found
        await second.runtime.close()

    run(work())


def test_switching_to_another_api_renders_the_prompt_anew(repo: Path) -> None:
    async def work() -> None:
        harness = Harness.open(repo)
        harness.script([reply("one")])
        session = await harness.runtime.new_session()
        await harness.ask(session, "first")
        other = ScriptedProvider([reply("two")], name="scripted/other", api="anthropic")
        session.environment.resolve = lambda name: other
        await session.set_model("scripted/other")
        await harness.ask(session, "second")
        assert session.model == "scripted/other"
        assert [message.role for message in other.requests[0].messages] == ["user", "assistant", "user"]
        await harness.runtime.close()

    run(work())


def test_an_ephemeral_session_reads_memory_and_writes_nothing(repo: Path) -> None:
    from lcode.agent.runtime import Runtime
    from lcode.config import load

    async def work() -> None:
        import os

        first = Harness.open(repo)
        first.script(
            [reply("", ("core_memory_append", {"label": "human", "content": "Likes tea."})), reply("The kettle is on.")]
        )
        await first.ask(await first.runtime.new_session(), "x")
        await first.runtime.close()
        home = Path(os.environ["LCODE_HOME"])
        before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file() and path.suffix == ".db"}
        secret = Harness(Runtime.open(load(None, os.environ, {"permission_mode": "yolo"}), repo, ephemeral=True))
        script = secret.script([reply("", ("conversation_search", {"query": "kettle"})), reply("ok"), reply("ok")])
        session = await secret.runtime.new_session()
        await secret.ask(session, "where is the kettle?")
        assert "Likes tea." in script.requests[0].system
        assert "core_memory_append" not in [tool.name for tool in script.requests[0].tools]
        assert "The kettle is on." in str(script.requests[1].messages[-1])
        await secret.ask(session, "again")
        assert_prefix(script.requests)
        await secret.runtime.close()
        assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file() and path.suffix == ".db"} == before

    run(work())


def test_an_ephemeral_session_keeps_a_long_output_until_it_ends_and_logs_nothing(repo: Path) -> None:
    from lcode.agent.runtime import Runtime
    from lcode.config import load

    async def work() -> None:
        secret = Harness(Runtime.open(load(None, os.environ, {"permission_mode": "yolo"}), repo, ephemeral=True))
        script = secret.script([reply("", ("shell", {"command": "seq 1 20000"})), reply("ok")])
        await secret.ask(await secret.runtime.new_session(), "count")
        told = re.search(r"read_result (output-\w+) has all\]", str(script.requests[-1].messages[-1].parts[0].text))  # type: ignore[union-attr]
        assert told is not None
        path = secret.runtime._outputs / f"{told[1]}.txt"
        assert path.read_text().endswith("20000")
        assert (path.parent.stat().st_mode & 0o077, path.stat().st_mode & 0o077) == (0, 0)
        assert "no log" in secret.runtime.log_bug(ValueError("x"))
        await secret.runtime.close()
        assert not path.parent.exists()
        assert not Path(os.environ["LCODE_HOME"]).exists()

    run(work())


def test_an_ephemeral_look_at_an_unknown_place_leaves_no_trace(tmp_path: Path) -> None:
    from lcode.agent.runtime import Runtime
    from lcode.config import load

    async def work() -> None:
        import os

        (tmp_path / "place").mkdir()
        secret = Harness(Runtime.open(load(None, os.environ, {}), tmp_path / "place", ephemeral=True))
        secret.script([reply("ok")])
        await secret.ask(await secret.runtime.new_session(), "hi")
        await secret.runtime.close()
        assert not Path(os.environ["LCODE_HOME"]).exists()

    run(work())


def test_what_was_not_told_is_not_taken_as_known(repo: Path) -> None:
    from lcode.errors import StoreUnwritable

    async def work() -> None:
        mine, theirs = Harness.open(repo), Harness.open(repo)
        script = mine.script(
            [reply("one"), reply("", ("memory_rethink", {"label": "human", "new_memory": "MINE"})), reply("two")]
        )
        session = await mine.runtime.new_session()
        await mine.ask(session, "first")
        memory = theirs.runtime.memory()
        memory.blocks.append("human", "THEIRS", memory.provenance(Actor.USER, Source.SAID))
        real = session.memory.recall.atomically
        session.memory.recall.atomically = lambda work: (_ for _ in ()).throw(StoreUnwritable("full"))  # type: ignore[method-assign]
        with pytest.raises(StoreUnwritable):
            await session.hear_of_others(mine.events.append)
        session.memory.recall.atomically = real  # type: ignore[method-assign]
        await mine.ask(session, "second")
        assert "+THEIRS" in words(script.requests[1])
        assert session.memory.blocks.get("human").value == "MINE"  # told, it may decide
        await mine.runtime.close()
        await theirs.runtime.close()

    run(work())


def test_all_changes_of_a_moment_are_told_in_one_message(repo: Path) -> None:
    async def work() -> None:
        mine, theirs = Harness.open(repo), Harness.open(repo)
        script = mine.script([reply("one"), reply("two")])
        session = await mine.runtime.new_session()
        await mine.ask(session, "first")
        memory = theirs.runtime.memory()
        for label in ("human", "conventions", "current_work"):
            memory.blocks.append(label, f"new in {label}", memory.provenance(Actor.USER, Source.SAID))
        await mine.ask(session, "second")
        assert words(script.requests[1]).count("<memory_update>") == 1
        assert words(script.requests[1]).count("+new in") == 3
        await mine.runtime.close()
        await theirs.runtime.close()

    run(work())


def test_a_resume_on_another_branch_shows_that_branchs_work(repo: Path) -> None:
    import subprocess

    async def work() -> None:
        first = Harness.open(repo)
        first.script([reply("", ("core_memory_append", {"label": "current_work", "content": "on main"})), reply("one")])
        await first.ask(await first.runtime.new_session(), "first")
        await first.runtime.close()
        subprocess.run(["git", "checkout", "-q", "-b", "feature"], cwd=repo, check=True)
        other = Harness.open(repo)
        memory = other.runtime.memory()
        memory.blocks.append("current_work", "PRECIOUS", memory.provenance(Actor.USER, Source.SAID))
        await other.runtime.close()
        second = Harness.open(repo)
        script = second.script([reply("two")])
        session = await second.runtime.resume_session()
        await second.ask(session, "second")
        assert "PRECIOUS" in script.requests[0].system
        assert "on main" not in script.requests[0].system
        assert (await second.runtime.sessions())[0].branch == "feature"
        await second.runtime.close()

    run(work())


def test_a_run_that_broke_off_leaves_a_true_context(repo: Path) -> None:
    from lcode.errors import StoreUnwritable

    async def work() -> None:
        harness = Harness.open(repo)
        script = harness.script(
            [reply("", ("list_dir", {}), ("shell", {"command": "echo done >> log"})), reply("after"), reply("resumed")]
        )
        session = await harness.runtime.new_session()
        real = session.memory.recall.finish_call
        calls = []

        def failing(*arguments: object) -> None:
            calls.append(arguments)
            if len(calls) == 2:
                raise StoreUnwritable("disk full")
            real(*arguments)  # type: ignore[arg-type]

        session.memory.recall.finish_call = failing  # type: ignore[method-assign]
        finished = await harness.ask(session, "go")
        assert "disk full" in finished.error
        session.memory.recall.finish_call = real  # type: ignore[method-assign]
        assert (await harness.ask(session, "and?")).text == "after"
        told = str(script.requests[1].messages)
        assert "entries" in told  # the listing that was stored
        assert "may have had an effect" in told
        live = script.requests[1].messages
        await harness.runtime.close()
        again = Harness.open(repo)
        later = again.script([reply("resumed")])
        await again.ask(await again.runtime.resume_session(), "now")
        assert later.requests[0].messages[: len(live)] == live
        await again.runtime.close()

    run(work())


def test_an_interrupt_while_the_store_fails_is_still_told_as_an_end(repo: Path) -> None:
    from lcode.errors import StoreUnwritable
    from tests.agent.test_loop import Stuck

    async def work() -> None:
        import asyncio

        harness = Harness.open(repo)
        stuck = Stuck()
        harness.runtime._provider = lambda model: stuck  # type: ignore[method-assign,assignment]
        session = await harness.runtime.new_session()
        running = asyncio.ensure_future(harness.ask(session, "go"))
        await stuck.started.wait()

        def broken(*arguments: object, **named: object) -> None:
            raise StoreUnwritable("disk full")

        session.memory.recall.add_message = broken  # type: ignore[method-assign,assignment]
        session.interrupt()
        finished = await running
        assert finished.stop_reason.value == "cancelled"
        assert "disk full" in finished.error
        await harness.runtime.close()

    run(work())


def test_the_place_is_told_again_where_the_message_was_not_stored(repo: Path) -> None:
    from lcode.errors import StoreUnwritable

    async def work() -> None:
        harness = Harness.open(repo)
        script = harness.script([reply("one")])
        session = await harness.runtime.new_session()
        real = session.memory.recall.start_run

        def broken(*_: str) -> str:
            raise StoreUnwritable("disk full")

        session.memory.recall.start_run = broken  # type: ignore[method-assign]
        assert "disk full" in (await harness.ask(session, "first")).error
        session.memory.recall.start_run = real  # type: ignore[method-assign]
        await harness.ask(session, "first again")
        assert "this is the first session here" in words(script.requests[0])
        await harness.runtime.close()

    run(work())


def test_a_providers_own_window_counts(repo: Path) -> None:
    from lcode.provider_settings import ProviderSettings

    async def work() -> None:
        harness = Harness.open(repo)
        harness.script([reply("one")])
        session = await harness.runtime.new_session()
        session.environment.providers = {"scripted": ProviderSettings("openai", "http://127.0.0.1:9/v1", context_window=16_000)}
        assert session.context_window == 16_000
        await harness.runtime.close()

    run(work())
