"""Messages and passages get their vectors in the background: the newest first, each once, of the memory that there is."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from lcode.config import Settings
from lcode.git.repository import Place, find
from lcode.index import message_vectors as vectors
from lcode.index.embedders import embedder_for
from lcode.index.embedding import StaticEmbedder
from lcode.index.message_vectors import MESSAGES, PASSAGES
from lcode.index.open import IndexDatabase, open_index
from lcode.memory import meaning
from lcode.memory.importing import Damages, Import
from lcode.memory.importing_jsonl import messages
from lcode.memory.meaning import Meaning
from lcode.memory.model import Actor, Provenance, Source
from lcode.memory.session_memory import SessionMemory
from lcode.memory.store import Store
from lcode.redact import Redactor
from lcode.store.paths import AgentPaths
from lcode.worker import texts
from lcode.worker.jobs import Stopped, Turn
from lcode.worker.texts import Texts
from tests.e2e.program import until
from tests.git.repositories import commit, make
from tests.support.embedding_server import KEY, EmbeddingServer
from tests.worker.harness import Agent


class Counting:
    """An embedding whose vectors say how long a text is, and that keeps the last line of what it was given: what was said
    before stands in front of it."""

    def __init__(self, name: str = "counting") -> None:
        self.name = name
        self.dimension = 8
        self.given: list[str] = []

    def documents(self, given: Sequence[str]) -> list[bytes]:
        self.given += [text.rpartition("\n")[2] for text in given]
        return [self.query(text) for text in given]

    def query(self, text: str) -> bytes:
        return bytes([1, len(text) % 100 + 1, 3, 4, 5, 6, 7, 8]) if text else b""


class Models:
    def __init__(self) -> None:
        self.embedder = Counting()

    def now(self) -> Counting:
        return self.embedder


class World:
    """An agent's memory, its index, and the job."""

    def __init__(self, memory: SessionMemory, paths: AgentPaths, place: Place) -> None:
        self.memory, self.paths, self.place = memory, paths, place
        self.index = open_index(paths)
        self.models = Models()
        self.job = Texts(paths, self.index, self.models.now)

    def say(self, *words: str) -> None:
        session = self.memory.recall.create_session(branch="", worktree="", head="", model="")
        for text in words:
            by = Provenance(Actor.USER, Source.SAID, session)
            self.memory.recall.add_message("user", "user", [{"type": "text", "text": text}], text, by)

    def run(self, stopped: Callable[[], bool] = lambda: False) -> bool:
        return self.job.run(self.place, Turn(lambda done, total: None, stopped, lambda count: None))

    def held(self, kind: str = MESSAGES) -> dict[str, int]:
        def count(connection: apsw.Connection) -> dict[str, int]:
            models = [held.model for held in vectors.held(connection, kind)]
            return {model.name: vectors.count(connection, kind, model) for model in models}

        return self.index.read(count)

    def meaning(self) -> Meaning:
        return Meaning(lambda: self.index, lambda: self.models.embedder)  # type: ignore[arg-type, return-value]

    def waiting(self) -> int:
        return self.memory.database.read(lambda connection: self.meaning().waiting(connection, MESSAGES))

    def found(self, text: str) -> list[int]:
        def ask(connection: apsw.Connection) -> list[int]:
            asked = self.meaning().ask(connection, MESSAGES, text)  # type: ignore[arg-type]
            return [seq for seq, _ in asked.nearest(5)] if asked is not None else []

        return self.memory.database.read(ask)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("LCODE_HOME", str(tmp_path / "home"))
    commit(make(tmp_path / "repo"), "a.py", "x = 1\n")
    place = find(tmp_path / "repo")
    with closing(Store({"LCODE_HOME": str(tmp_path / "home")})) as store:
        agent = store.resolve(place, None).agent
        made = World(store.memory(store.open(agent), place), store.agent_paths(agent), place)
        yield made
        made.index.close()


def test_what_was_said_and_kept_gets_a_vector_once(world: World) -> None:
    world.say("one", "and two")
    world.memory.archival.insert("a fact", Provenance(Actor.USER, Source.SAID))
    assert world.run()
    assert world.held() == {"counting": 2} and world.held(PASSAGES) == {"counting": 1}
    assert sorted(world.models.embedder.given) == ["a fact", "and two", "one"]
    assert not world.run()
    world.say("three")
    assert world.waiting() == 1
    assert world.run() and world.waiting() == 0
    assert world.models.embedder.given[3:] == ["three"]


def test_vectors_of_rows_that_a_repair_lost_are_not_counted_below_nothing(world: World) -> None:
    world.say("one", "and two")
    assert world.run()
    world.memory.database.write(lambda connection: connection.execute("DELETE FROM messages WHERE text = 'one'"))
    assert world.waiting() == 0


def test_the_newest_come_first_and_nothing_is_lost_by_a_stop(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "_AT_ONCE", 2)
    world.say("a", "b", "c", "d", "e")
    looks = iter([False, False, True])
    with pytest.raises(Stopped):
        world.run(lambda: next(looks))
    assert sorted(world.models.embedder.given) == ["b", "c", "d", "e"] and world.waiting() == 1
    assert world.run()
    assert world.models.embedder.given[4:] == ["a"]


def test_a_long_backlog_lets_others_have_their_turn(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "_AT_ONCE", 1)
    monkeypatch.setattr(texts, "_SLICE", 0.0)
    world.say("a", "b")
    assert world.run() and world.models.embedder.given == ["b"]
    assert "texts" in world.job.then  # it is due again
    assert world.run() and world.models.embedder.given == ["b", "a"]
    assert not world.run()


def test_another_model_makes_them_anew_and_the_question_goes_to_one_alone(world: World) -> None:
    world.say("one", "and two")
    world.run()
    assert len(world.found("one")) == 2
    world.models.embedder = Counting("another")
    assert world.waiting() == 2
    assert world.found("one") == []  # the old model is no more at hand
    world.run()
    assert world.held() == {"another": 2} and len(world.found("one")) == 2


def test_vectors_of_a_memory_that_went_back_are_not_used_and_go(world: World) -> None:
    world.say("one", "and two")
    world.run()

    def replace(connection: apsw.Connection) -> None:
        connection.execute("UPDATE messages SET id = 'message-other' WHERE text = 'and two'")

    world.memory.database.write(replace)
    assert world.found("one") == []
    world.run()
    assert len(world.models.embedder.given) == 4 and len(world.found("one")) == 2


def test_an_index_that_was_emptied_is_filled_again(world: World) -> None:
    world.say("one")
    world.run()
    world.index.reset("for a test")
    assert world.found("one") == []
    assert world.run() and world.held() == {"counting": 1}


def test_a_search_without_an_index_has_words_alone(world: World) -> None:
    world.say("one")
    with closing(IndexDatabase(None)) as none:
        without = Meaning(lambda: none, lambda: world.models.embedder)  # type: ignore[arg-type, return-value]
        assert world.memory.database.read(lambda connection: without.ask(connection, MESSAGES, "one")) is None


def test_what_is_embedded_of_a_message_knows_what_came_before_and_who_spoke(world: World) -> None:
    talk = [
        {"session": "a", "time": "2026-03-08T09:30Z", "name": "Ada", "text": "one"},
        {"session": "b", "time": "2026-03-08T09:30Z", "name": "Bob", "text": "elsewhere"},
        {"session": "a", "time": "2026-03-08T09:31Z", "role": "tool", "text": "output"},
        {"session": "a", "time": "2026-03-08T09:32Z", "name": "Cyd", "text": "two"},
    ]
    file = io.BytesIO("\n".join(map(json.dumps, talk)).encode())
    Import(world.memory.database, Redactor({}), "jsonl").take(messages(file, "talk", Damages()))
    given = []

    def of_message(kind: str, text: str, **beside: Any) -> str:
        given.append((kind, text, beside["name"], beside["previous"]))
        assert beside["names"] == {"Ada", "Bob", "Cyd"}
        return text

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(meaning, "of_message", of_message)
        world.run()
    assert sorted(given, key=str) == [
        ("tool", "output", "", "one"),
        ("user", "elsewhere", "Bob", ""),
        ("user", "one", "Ada", ""),
        ("user", "two", "Cyd", "one"),
    ]


@pytest.mark.parametrize("provider", ["openai", "ollama"])
def test_a_service_embeds_what_was_said_and_kept_and_the_question(world: World, provider: Any) -> None:
    key = "sk-ant-api03-" + "Ab1" * 31
    world.say("the gateway is slow", f"my key is {key}")
    world.memory.archival.insert("Deploys go to Oslo", Provenance(Actor.USER, Source.SAID))
    with EmbeddingServer() as server:
        settings = Settings(
            embedding_provider=provider, embedding_model="m-2", embedding_url=server.url + "/v1" * (provider == "openai"),
            embedding_key_env="EMBEDDING_KEY",
        )  # fmt: skip
        world.models.embedder = embedder_for(settings, {"EMBEDDING_KEY": KEY})  # type: ignore[assignment]
        world.run()
        assert world.held() == {world.models.embedder.name: 2}
        assert len(world.found("why is it slow?")) == 2
        sent = json.dumps(server.requests)
        assert "gateway" in sent and "Oslo" in sent and "why is it slow?" in sent and key[:20] not in sent
    world.models.embedder = embedder_for(settings, {"EMBEDDING_KEY": KEY})  # type: ignore[assignment]
    assert world.found("why is it slow?") == []  # it does not answer: words alone


def test_vectors_of_the_packaged_model_serve_until_most_are_of_the_new_one(world: World) -> None:
    world.say("the gateway is slow", "labels are printed in A6", "weights are in grams")
    world.models.embedder = StaticEmbedder()  # type: ignore[assignment]
    world.run()
    world.models.embedder = Counting("another")
    assert len(world.found("slow gateway")) == 3  # by the old one, which is at hand
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(texts, "_AT_ONCE", 1)
        patch.setattr(texts, "_SLICE", 0.0)
        world.run()
        assert len(world.found("slow gateway")) == 2 and world.models.embedder.given == ["weights are in grams"]
        world.run()
    assert len(world.found("slow gateway")) == 2  # by the new one, of which there are two now


def test_a_running_worker_hears_of_what_is_said(agent: Agent) -> None:
    agent.enter()
    agent.start()
    agent.settled()
    with closing(Store(os.environ)) as store:
        memory = store.memory(store.open(store.agents.list()[0]), find(agent.root))
        world = World(memory, agent.paths, find(agent.root))
        world.say("the deploy failed because the certificate had expired")
        until(lambda: world.held() != {}, "the message has its vector", 20)
        world.index.close()
