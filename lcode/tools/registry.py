"""Which tools there are. Their modules are imported when somebody asks, not before."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lcode.tools.base import Tool


def file_tools() -> list[Tool]:
    """The tools for files and commands, sorted by name."""
    from lcode.tools.edit_file import EditFile
    from lcode.tools.glob import Glob
    from lcode.tools.grep import Grep
    from lcode.tools.list_dir import ListDir
    from lcode.tools.read_file import ReadFile
    from lcode.tools.read_result import ReadResult
    from lcode.tools.shell import Shell
    from lcode.tools.write_file import WriteFile

    return [EditFile(), Glob(), Grep(), ListDir(), ReadFile(), ReadResult(), Shell(), WriteFile()]


def memory_tools() -> list[Tool]:
    """The tools for the three tiers of memory and the code index, sorted by name."""
    from lcode.tools.archival_memory_insert import ArchivalMemoryInsert
    from lcode.tools.archival_memory_search import ArchivalMemorySearch
    from lcode.tools.code_map import CodeMap
    from lcode.tools.conversation_search import ConversationSearch
    from lcode.tools.conversation_search_date import ConversationSearchDate
    from lcode.tools.core_memory_append import CoreMemoryAppend
    from lcode.tools.core_memory_replace import CoreMemoryReplace
    from lcode.tools.memory_create import MemoryCreate
    from lcode.tools.memory_insert import MemoryInsert
    from lcode.tools.memory_rethink import MemoryRethink

    return [
        ArchivalMemoryInsert(),
        ArchivalMemorySearch(),
        CodeMap(),
        ConversationSearch(),
        ConversationSearchDate(),
        CoreMemoryAppend(),
        CoreMemoryReplace(),
        MemoryCreate(),
        MemoryInsert(),
        MemoryRethink(),
    ]


def all_tools() -> list[Tool]:
    """Every tool that can be offered, sorted by name."""
    return sorted([*file_tools(), *memory_tools()], key=lambda tool: tool.name)
