"""How blocks and their versions stand in the tables, and which blocks every agent has from the start."""

from __future__ import annotations

import json
from dataclasses import dataclass

from lcode.memory.model import Actor, Block, BlockVersion, Scope, Source, Trust
from lcode.store.database import Row


@dataclass(frozen=True)
class Default:
    """A block that every agent has from the start."""

    label: str
    scope: Scope
    description: str
    value: str = ""


DEFAULTS = (
    Default(
        "persona",
        Scope.REPO,
        "Who you are in this repository: role, ways of working that proved themselves here.",
        "I am lcode, the persistent coding agent of this repository. I remember across sessions, check what I remember"
        " against the code, and say so when I do not know.",
    ),
    Default(
        "human", Scope.USER, "Your user: preferences, standing corrections, how they like to work. Shared by all repositories."
    ),
    Default(
        "architecture", Scope.REPO, "How this codebase is put together: modules, entry points, data flow, what depends on what."
    ),
    Default(
        "conventions",
        Scope.REPO,
        "How this codebase is built, run, tested, styled and released; rules that changes must follow.",
    ),
    Default(
        "current_work",
        Scope.WORKTREE,
        "Work in progress on this branch: goal, state, next step, what failed. Cleared when done.",
    ),
)


SELECT = (
    "SELECT id, label, description, value, char_limit, read_only, version, scope, scope_key, updated_at, actor, source, trust,"
    " session_id, deleted, unverified FROM blocks"
)


VERSIONS = (
    "SELECT block_id, label, version, value, operation, operation_id, created_at, actor, source, trust, session_id, arguments,"
    " description, char_limit, commit_id, worktree FROM block_versions"
)


UPSERT = """
INSERT INTO blocks (id, label, scope, scope_key, description, value, char_limit, read_only, version, unverified, deleted,
    created_at, updated_at, actor, source, trust, session_id, step_id, commit_id, worktree)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    description = excluded.description, value = excluded.value, char_limit = excluded.char_limit,
    read_only = excluded.read_only, version = excluded.version, unverified = excluded.unverified, deleted = excluded.deleted,
    updated_at = excluded.updated_at, actor = excluded.actor, source = excluded.source, trust = excluded.trust,
    session_id = excluded.session_id, step_id = excluded.step_id, commit_id = excluded.commit_id, worktree = excluded.worktree
"""


ADD_VERSION = """
INSERT INTO block_versions (block_id, version, label, value, description, char_limit, deleted, operation, arguments,
    operation_id, created_at, actor, source, trust, session_id, step_id, commit_id, worktree)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


def to_block(row: Row) -> Block:
    """The columns of `SELECT` as a block; a deleted one has a negative version."""
    (*head, limit, read_only, version, scope, key, updated_at, actor, source, trust, session_id, deleted, unverified) = row
    number = -version if deleted else version
    origin = (Actor(actor), Source(source), Trust(trust), session_id, tuple(json.loads(unverified)))
    return Block(*(*head, limit, bool(read_only), number, Scope(scope), key, updated_at, *origin))


def to_version(row: Row) -> BlockVersion:
    return BlockVersion(*(*row[:7], Actor(row[7]), Source(row[8]), Trust(row[9]), row[10], json.loads(row[11]), *row[12:]))
