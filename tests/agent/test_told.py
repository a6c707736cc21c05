"""What others changed in core memory is told once, in one message, with who and the difference, without one's own edits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lcode.agent.memory_watch import ALL, LONGEST
from lcode.agent.session import Session
from lcode.events import MemoryChanged
from lcode.llm.protocol import Message, Request, Text
from lcode.memory.model import Actor, Scope, Source
from lcode.memory.session_memory import SessionMemory
from tests.agent.harness import Harness, reply, run
from tests.support import fixture_repos


def append(label: str, content: str) -> tuple[str, dict[str, Any]]:
    return ("core_memory_append", {"label": label, "content": content})


def told(request: Request) -> list[str]:
    """The texts of all memory updates of a request."""
    return [text for text in map(_text, request.messages) if text.startswith("<memory_update>")]


def _text(message: Message) -> str:
    return message.parts[0].text if message.role == "user" and isinstance(message.parts[0], Text) else ""


def by_user(memory: SessionMemory) -> Any:
    return memory.provenance(Actor.USER, Source.SAID)


class Two:
    """My session, and another one of the same agent in a process of its own (its own databases)."""

    def __init__(self, repo: Path) -> None:
        self.mine, self.theirs = Harness.open(repo), Harness.open(repo)

    async def open(self, mine: list[Any], theirs: list[Any]) -> tuple[Session, Session]:
        self.script, self.other_script = self.mine.script(mine), self.theirs.script(theirs)
        return await self.mine.runtime.new_session(), await self.theirs.runtime.new_session()

    async def close(self) -> None:
        await self.mine.runtime.close()
        await self.theirs.runtime.close()


def test_several_edits_of_several_blocks_are_one_message(repo: Path) -> None:
    async def work() -> None:
        two = Two(repo)
        calls = [append("conventions", "Use tabs."), append("human", "Likes tea."), append("conventions", "Then spaces.")]
        mine, theirs = await two.open([reply("one"), reply("two")], [reply("", *calls), reply("ok")])
        await two.mine.ask(mine, "first")
        await two.theirs.ask(theirs, "remember")
        memory = two.theirs.runtime.memory()
        memory.blocks.append("human", "No sugar.", by_user(memory))
        await two.mine.ask(mine, "second")
        (update,) = told(two.script.requests[-1])
        agent = f"agent in another session ({theirs.id[8:16]})"
        assert f"'conventions' was changed by {agent}:\n+Use tabs.\n+Then spaces." in update
        assert f"'human' was changed by {agent} and the user:\n" in update
        assert [event.label for event in two.mine.of(MemoryChanged)] == ["conventions", "human"]
        await two.close()

    run(work())


def test_own_edits_between_those_of_others_are_not_told(repo: Path) -> None:
    async def work() -> None:
        two = Two(repo)
        memory = two.theirs.runtime.memory()

        def meanwhile(line: str, then: Any) -> Any:
            def answer(request: Request) -> Any:
                memory.blocks.append("conventions", line, by_user(memory))
                return then

            return answer

        answers = [
            meanwhile("Theirs one.", reply("", append("conventions", "Mine."))),
            meanwhile("Theirs two.", reply("done")),
            reply("three"),
        ]
        mine, _ = await two.open(answers, [])
        await two.mine.ask(mine, "first")
        await two.mine.ask(mine, "second")
        updates = told(two.script.requests[-1])
        assert len(updates) == 2
        assert "+Theirs one." in updates[0] and "Theirs two." not in updates[0]
        assert "+Theirs two." in updates[1] and "Theirs one." not in updates[1]
        assert "Mine." not in "".join(updates)
        assert mine.memory.blocks.get("conventions").value.endswith("Theirs one.\nMine.\nTheirs two.")
        await two.close()

    run(work())


def test_a_block_that_was_removed_and_made_again_is_told_as_it_is_now(repo: Path) -> None:
    async def work() -> None:
        two = Two(repo)
        memory = two.theirs.runtime.memory()
        memory.blocks.create("api", "The API.", "old line", None, by_user(memory))
        mine, _ = await two.open([reply("one"), reply("two"), reply("three"), reply("four")], [])
        await two.mine.ask(mine, "first")
        memory.blocks.delete("api", by_user(memory))
        await two.mine.ask(mine, "second")
        assert "'api' was removed by the user." in told(two.script.requests[-1])[-1]
        memory.blocks.create("api", "The API.", "new line", None, by_user(memory))
        await two.mine.ask(mine, "third")
        assert "'api' was changed by the user:\n+new line" in told(two.script.requests[-1])[-1]
        memory.blocks.delete("api", by_user(memory))
        memory.blocks.create("api", "The API.", "other line", None, by_user(memory), Scope.USER)
        await two.mine.ask(mine, "fourth")
        assert "-new line\n+other line" in told(two.script.requests[-1])[-1]
        assert len(told(two.script.requests[-1])) == 3
        await two.close()

    run(work())


def test_what_was_undone_meanwhile_is_not_told(repo: Path) -> None:
    async def work() -> None:
        two = Two(repo)
        memory = two.theirs.runtime.memory()
        mine, _ = await two.open(
            [reply("one"), reply("", ("memory_rethink", {"label": "human", "new_memory": "A."})), reply("")], []
        )
        await two.mine.ask(mine, "first")
        memory.blocks.append("human", "Likes tea.", by_user(memory))
        memory.blocks.rethink("human", "", by_user(memory))
        await two.mine.ask(mine, "second")
        assert told(two.script.requests[-1]) == []
        assert mine.memory.blocks.get("human").value == "A."
        await two.close()

    run(work())


def test_a_very_long_difference_is_cut_and_a_rewrite_upon_it_refused(repo: Path) -> None:
    async def work() -> None:
        two = Two(repo)
        memory = two.theirs.runtime.memory()
        lines = "\n".join(f"rule {number} of the house" for number in range(200))
        for label in ("conventions", "persona", "architecture"):
            memory.blocks.rethink(label, "", by_user(memory))
        rewrite = ("memory_rethink", {"label": "human", "new_memory": "Short."})
        mine, _ = await two.open([reply("one"), reply("", rewrite), reply("", rewrite), reply("three")], [])
        await two.mine.ask(mine, "first")
        for label in ("conventions", "persona", "human"):
            memory.blocks.append(label, lines, by_user(memory))
        await two.mine.ask(mine, "second")
        (update,) = told(two.script.requests[1])
        assert len(update) < ALL + 1_000
        assert update.count("have it shown whole") == 3
        assert all(len(part) < LONGEST + 500 for part in update.split("Core memory block"))
        refused = str(two.script.requests[2].messages[-1])
        assert "rule 199 of the house" in refused and "is_error=True" in refused
        assert mine.memory.blocks.get("human").value == "Short."  # once it was seen
        await two.close()

    run(work())


def test_a_small_block_is_shown_whole_where_the_difference_is_longer(repo: Path) -> None:
    async def work() -> None:
        two = Two(repo)
        memory = two.theirs.runtime.memory()
        memory.blocks.append("human", "\n".join(f"old {number}" for number in range(150)), by_user(memory))
        mine, _ = await two.open([reply("one"), reply("two")], [])
        await two.mine.ask(mine, "first")
        memory.blocks.rethink("human", "Likes tea.", by_user(memory))
        await two.mine.ask(mine, "second")
        assert "'human' was changed by the user. It now reads:\nLikes tea.\n" in told(two.script.requests[-1])[0]
        await two.close()

    run(work())


def test_an_edit_from_another_repositorys_session_is_told_with_its_place(repo: Path, tmp_path: Path) -> None:
    async def work() -> None:
        elsewhere = fixture_repos.make("go", tmp_path / "elsewhere")
        mine, theirs = Harness.open(repo), Harness.open(elsewhere)
        script = mine.script([reply("one"), reply("two")])
        session = await mine.runtime.new_session()
        await mine.ask(session, "first")
        theirs.script([reply("", append("human", "Likes tea."), append("conventions", "Not yours.")), reply("ok")])
        other = await theirs.runtime.new_session()
        await theirs.ask(other, "remember")
        await mine.ask(session, "second")
        (update,) = told(script.requests[-1])
        assert f"'human' was changed by agent in another session ({other.id[8:16]}, in elsewhere):\n+Likes tea." in update
        assert "Not yours." not in update
        await mine.runtime.close()
        await theirs.runtime.close()

    run(work())


def test_a_resume_is_told_what_happened_since_but_not_its_own_edits(repo: Path) -> None:
    async def work() -> None:
        first = Harness.open(repo)
        first.script([reply("", append("human", "Mine.")), reply("one")])
        await first.ask(await first.runtime.new_session(), "first")
        await first.runtime.close()
        second = Harness.open(repo)
        memory = second.runtime.memory()
        memory.blocks.append("human", "Theirs.", by_user(memory))
        script = second.script([reply("two"), reply("three")])
        session = await second.runtime.resume_session()
        await second.ask(session, "second")
        await second.ask(session, "third")
        (update,) = told(script.requests[-1])
        assert "+Theirs." in update and "Mine." not in update
        await second.runtime.close()

    run(work())
