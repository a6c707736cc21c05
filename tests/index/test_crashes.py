"""A parser is native code: where it crashes it takes its process along, and the index is complete all the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lcode.index.build import CodeIndex
from lcode.index.open import index_path, open_index
from lcode.index.reader import CodeReader
from lcode.store.paths import AgentPaths
from tests.e2e.program import CHECKOUT, until
from tests.index.test_build import assert_settled, fill, fresh
from tests.support.crashing_parser import WORD
from tests.support.index_rows import differences, searchable
from tests.worker.harness import Agent, Index

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a fault in native code is an exception there")
INSTALL = "import sys; from tests.support.crashing_parser import install; install(); "
INDEXING = (
    INSTALL
    + """
import json
from dataclasses import asdict
from pathlib import Path
from lcode.index.build import CodeIndex
from lcode.index.open import open_index
from lcode.store.paths import AgentPaths
database = open_index(AgentPaths(Path(sys.argv[1])))
print(json.dumps(asdict(CodeIndex(database, Path(sys.argv[2])).update(paths=sys.argv[3:] or None))))
database.close()
"""
)
WORKER = INSTALL + "from lcode.worker.process import serve; raise SystemExit(serve(sys.argv[1]))"
CULPRIT = f"def light_harbour():\n    return {WORD.decode()}\n"


def run(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(
        command, cwd=CHECKOUT, env={**os.environ, "PYTHONPATH": str(CHECKOUT)}, capture_output=True, text=True, check=False
    )


def done(finished: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert finished.returncode == 0, (finished.returncode, finished.stderr[-2_000:])
    report: dict[str, Any] = json.loads(finished.stdout)
    assert report["problem"] == ""
    return report


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    fill(folder, 6)
    (folder / "harbour.py").write_text(CULPRIT)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    return folder


def test_a_file_over_which_the_parser_crashes_is_text_and_all_others_are_indexed(root: Path, tmp_path: Path) -> None:
    paths = AgentPaths(tmp_path / "agent")
    assert run(INDEXING, paths.folder, root).returncode == -signal.SIGSEGV
    assert done(run(INDEXING, paths.folder, root))["files"] == 8
    with closing(open_index(paths)) as database:
        index = CodeIndex(database, root)
        assert index.no_change() and index.status().crashed == ["harbour.py"]
        assert [hit.path for hit in CodeReader(None, root, database).search("light harbour")] == ["harbour.py"]
    found = differences(searchable(index_path(paths), root), fresh(root, tmp_path))
    assert found and all("harbour.py" in line for line in found)
    assert not list(paths.locks.glob("parsing.*"))


def test_later_versions_of_that_file_crash_nothing(root: Path, tmp_path: Path) -> None:
    paths = AgentPaths(tmp_path / "agent")
    assert run(INDEXING, paths.folder, root).returncode == -signal.SIGSEGV
    done(run(INDEXING, paths.folder, root))
    (root / "harbour.py").write_text(CULPRIT + "\n\ndef dim_harbour():\n    return 1\n")
    assert done(run(INDEXING, paths.folder, root, "harbour.py"))["files"] == 1
    (root / "harbour.py").write_text("def mended():\n    return 1\n")
    assert done(run(INDEXING, paths.folder, root, "harbour.py"))["files"] == 1
    with closing(open_index(paths)) as database:
        assert CodeIndex(database, root).status().crashed == []
    assert_settled(paths, root, tmp_path)


def test_a_process_that_is_killed_while_parsing_leaves_nothing_that_a_complete_build_does_not_clear(
    root: Path, tmp_path: Path
) -> None:
    paths = AgentPaths(tmp_path / "agent")
    (root / "harbour.py").unlink()
    paths.locks.mkdir(parents=True)
    (paths.locks / "parsing.0123456789ab.lock").write_text("{}")
    done(run(INDEXING, paths.folder, root))
    assert not list(paths.locks.glob("parsing.*"))
    assert_settled(paths, root, tmp_path)


def test_the_worker_that_follows_one_that_crashed_says_over_which_file(root: Path) -> None:
    agent = Agent.make(root)
    environ = {**os.environ, "PYTHONPATH": str(CHECKOUT)}

    def start() -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, "-c", WORKER, agent.id], cwd=CHECKOUT, env=environ, start_new_session=True)
        agent.processes.append(process)
        return process

    try:
        agent.enter()
        assert start().wait(timeout=60) == -signal.SIGSEGV
        start()
        agent.settled()
        index = Index(agent)
        assert index.has("helper_part3")
        (root / "quay.py").write_text("def light_quay():\n    return 1\n")
        until(lambda: index.has("light_quay"), "a save is indexed as ever", 20)
        said = run("from lcode.__main__ import main; import sys; sys.exit(main())", "-C", root, "index", "--status").stdout
        assert "crashed  the parser, over harbour.py: found as plain text" in said
        said = run("from lcode.__main__ import main; import sys; sys.exit(main())", "-C", root, "doctor").stdout
        assert f"crashed over {root}/harbour.py" in said
    finally:
        agent.close()
