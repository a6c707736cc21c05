"""`lcode search`: the code, what was kept, past commits and what was said, each under its label."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from lcode import clock
from lcode.cli.find import KINDS, passage_json, show_facts
from lcode.cli.message_hits import hit_json, show_recalled
from lcode.cli.options import LIMIT, Options, TextCommand, json_option, place_options
from lcode.cli.output import Styled, say, say_json
from lcode.errors import EXIT_ERROR, EXIT_OK, UsageError

if TYPE_CHECKING:
    from lcode.agent.runtime import Runtime
    from lcode.index.model import Hit
    from lcode.index.past import PastCommit
    from lcode.index.reader import CodeReader, Standing
    from lcode.memory.grounding import Verdict
    from lcode.memory.lives import AsOf
    from lcode.memory.model import Passage, Recalled

SCOPES = ("code", "facts", "commits", "messages", "all")
SPARE = 4  # facts more than are shown, so that good ones take the place of stale ones
_FEW = 5  # commits and messages that are shown beside the code
_OF_KIND = {"commit": ("facts", "commits")}  # digests are facts, which the worker writes; before, git's own words are found


@dataclass
class Asked:
    """The options of one call."""

    scope: str
    path: str
    language: str
    kind: str
    tags: tuple[str, ...]
    limit: int
    explain: bool
    moment: str = ""
    as_of: AsOf | None = None  # what `moment` means

    def scopes(self) -> list[str]:
        """Where to look: a filter that only some places know leaves the others out. Raises UsageError where none is left."""
        wanted = list(SCOPES[:-1]) if self.scope == "all" else [self.scope]
        known = (
            (self.tags, "--tag", ("facts",)),
            (self.kind, f"--kind {self.kind}", _OF_KIND.get(self.kind, ("facts",) if self.kind in KINDS else ("code",))),
            (self.language, "--lang", ("code",)),
            (self.moment, "--as-of", ("facts", "commits", "messages")),
            (self.path, "--path", ("code", "commits")),
        )
        narrowed = [(option, scopes) for value, option, scopes in known if value]
        for option, scopes in narrowed:
            wanted = [scope for scope in wanted if scope in scopes]
            if not wanted:
                raise UsageError(f"{option} knows {' and '.join(scopes)} alone", "leave it out, or what contradicts it")
        return wanted


def no_messages() -> Recalled:
    from lcode.memory.model import Recalled

    return Recalled()


@dataclass
class Found:
    """What one question found."""

    code: list[Hit] = field(default_factory=list)
    facts: list[Passage] = field(default_factory=list)
    verdicts: dict[str, Verdict] = field(default_factory=dict)  # how they stand in this worktree
    commits: list[PastCommit] = field(default_factory=list)
    messages: Recalled = field(default_factory=no_messages)
    note: str = ""  # on the code


@click.command(cls=TextCommand)
@click.argument("query", nargs=-1)
@click.option("--scope", type=click.Choice(SCOPES), default=None, help="Where to search; else everywhere (code with --stdin).")
@click.option("--path", default="", metavar="PATH", help="Only code and commits of this file, folder or pattern.")
@click.option("--lang", default="", metavar="NAME", help="Only code in this language.")
@click.option("--kind", default="", metavar="KIND", help=f"Only code (function, class, …) or facts ({', '.join(KINDS)}) of it.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Only facts with this tag; may be repeated (any of them).")
@click.option("--as-of", default="", metavar="MOMENT", help="What was true then: a date, 2026-03, March, a commit, a session.")
@click.option("--known-at", default="", metavar="MOMENT", help="Only what was known of it then; else what is known now.")
@click.option("--limit", type=LIMIT, default=10, show_default=True, metavar="N", help="At most N of each; with --stdin in all.")
@click.option("--explain", is_flag=True, help="Say why each place in the code ranks where it does.")
@click.option("--stdin", "many", is_flag=True, help="Questions from standard input, one a line; a line of JSON for each.")
@json_option
@place_options
@click.pass_obj
def search(
    options: Options,
    query: tuple[str, ...],
    scope: str | None,
    path: str,
    lang: str,
    kind: str,
    tags: tuple[str, ...],
    as_of: str,
    known_at: str,
    limit: int,
    explain: bool,
    many: bool,
    as_json: bool,
) -> int:
    """The code, what the agent and you kept, past commits, and what was said, that match QUERY.

    Without a QUERY: what was kept and said last.
    """
    from lcode.cli.code_place import searched
    from lcode.memory.lives import described

    if many and query:
        raise UsageError("--stdin takes its questions from standard input alone", "leave the words out")
    asked = Asked(scope or ("code" if many else "all"), "", lang.lower(), kind.lower(), tags, limit, explain)
    asked.moment = f"{as_of or 'now'} known at {known_at}" if known_at else as_of
    words = " ".join(query)
    if asked.scope == "code" and not many and not words.strip():
        raise UsageError("code is found by words, a symbol or a path", "give a QUERY")
    with searched(options, wants_code=_wants_code(asked, words, many=many, path=path)) as (runtime, reader, below):
        asked.path, asked.as_of = below(path), _as_of(runtime, asked.moment)
        if many:
            _answer_lines(runtime, reader, asked)
            return EXIT_OK if reader is not None or asked.scope not in ("code", "commits") else EXIT_ERROR
        if reader is None and asked.scope in ("code", "commits") and words.strip():
            return EXIT_ERROR  # said where the index was looked for
        found = find(runtime, reader, asked, words)
        if reader is not None and "code" in asked.scopes():
            found.note = reader.remark(words, found.code, path=asked.path, language=asked.language, kind=asked.kind)
        standing = reader.standing() if reader is not None else None
    if asked.as_of is not None and not as_json:
        say(Styled(described(asked.as_of), "dim"), err=True)
    if as_json:
        note = {"note": found.note} if found.note else {}
        say_json({**_json(found), **note, **({"index": standing.shown()} if standing else {})})
        return EXIT_OK
    left_out = () if reader is not None else ("code", "commits")
    _show(found, [scope for scope in asked.scopes() if scope not in left_out], asked, words, standing)
    if asked.kind == "commit" and found.commits and not found.facts:
        say(Styled("commits that no worker has digested yet are found by git's own words", "dim"), err=True)
    if standing is not None and standing.words:
        say(Styled(standing.words, "dim"), err=True)
    return EXIT_OK


def _wants_code(asked: Asked, words: str, *, many: bool, path: str) -> bool:
    """Whether the index is needed: without words there is no code to find."""
    asked.path = path
    return bool({"code", "commits"} & set(asked.scopes())) and bool(words.strip() or many or asked.scope == "commits")


def _as_of(runtime: Runtime, moment: str) -> AsOf | None:
    if not moment:
        return None
    from lcode.memory.moments import as_of

    memory = runtime.memory()
    return as_of(moment, memory.archival, runtime.place, memory.recall)


def find(runtime: Runtime, reader: CodeReader | None, asked: Asked, words: str) -> Found:
    """What each scope answers."""
    scopes, found = asked.scopes(), Found()
    beside = asked.limit if len(scopes) == 1 else min(asked.limit, _FEW)
    memory = runtime.memory() if {"facts", "messages"} & set(scopes) else None
    if reader is not None and "code" in scopes and words.strip():
        found.code = reader.search(
            words, path=asked.path, language=asked.language, kind=asked.kind, limit=asked.limit, explain=asked.explain
        )
    if reader is not None and "commits" in scopes:
        end = int(clock.parse(asked.as_of.valid_at).timestamp()) + 1 if asked.as_of else 0
        found.commits = reader.commits(words, path=asked.path, end=end, limit=asked.limit if asked.kind else beside)
    if memory is not None and "facts" in scopes:
        # what was true then is not held against the code of now
        spare = SPARE if asked.as_of is None else 0
        facts = memory.archival.search(words, kind=asked.kind, tags=asked.tags, limit=asked.limit + spare, as_of=asked.as_of)
        found.verdicts = memory.grounding.of(facts, since=True) if asked.as_of is None else {}
        found.facts = memory.grounding.ranked(facts, found.verdicts)[: asked.limit]
        digested = {fact.commit for fact in found.facts if fact.kind == "commit"}
        found.commits = [commit for commit in found.commits if commit.hash not in digested]
    if memory is not None and "messages" in scopes:
        end_of_time = asked.as_of.valid_at if asked.as_of else ""
        found.messages = memory.recall.search(words, end=end_of_time, limit=beside)
    return found


def _show(found: Found, scopes: Sequence[str], asked: Asked, words: str, standing: Standing | None) -> None:
    from lcode.cli.code_hits import show_code, show_commits

    whole, read = standing is None or standing.ready, standing is None or not standing.pending_commits
    show: dict[str, Callable[[], None]] = {
        "code": lambda: show_code(found.code, words, explain=asked.explain, whole=whole, note=found.note),
        "facts": lambda: show_facts(found.facts, found.verdicts),
        "commits": lambda: show_commits(found.commits, read=read),
        "messages": lambda: show_recalled(found.messages, words),
    }
    labels = {"code": "Code", "facts": "Kept in memory", "commits": "Past commits", "messages": "Said in sessions"}
    for at, scope in enumerate(scopes):
        if len(scopes) > 1:
            say(*([] if at == 0 else ["\n"]), Styled(labels[scope], "bold"))
        show[scope]()


def _json(found: Found) -> dict[str, list[dict[str, Any]]]:
    from lcode.cli.code_hits import code_json, commit_json

    return {
        "code": [code_json(hit) for hit in found.code],
        "facts": [passage_json(fact, found.verdicts.get(fact.id)) for fact in found.facts],
        "commits": [commit_json(commit) for commit in found.commits],
        "messages": [hit_json(hit) for hit in found.messages],
    }


def _answer_lines(runtime: Runtime, reader: CodeReader | None, asked: Asked) -> None:
    """A line of JSON for each line of standard input, at once."""
    import json

    for line in _lines():
        sys.stdout.write(json.dumps({"query": line, "hits": _fused(_json(find(runtime, reader, asked, line)), asked)}) + "\n")
        sys.stdout.flush()


def _fused(found: dict[str, list[dict[str, Any]]], asked: Asked) -> list[dict[str, Any]]:
    """All hits in one list by their ranks: the first of each scope, then the second ones. Scores of scopes do not compare."""
    ranked = [
        (rank, at, {"scope": scope, **hit}) for at, scope in enumerate(asked.scopes()) for rank, hit in enumerate(found[scope])
    ]
    return [hit for _, _, hit in sorted(ranked, key=lambda one: one[:2])][: asked.limit]


def _lines() -> Iterator[str]:
    """The questions; an empty line is one too, so that answers are as many as lines."""
    source = getattr(sys.stdin, "buffer", None)
    if source is None:
        yield from (line.rstrip("\n") for line in sys.stdin)
        return
    while line := source.readline():
        yield line.decode("utf-8", "replace").rstrip("\r\n")
