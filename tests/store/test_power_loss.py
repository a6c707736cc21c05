"""Power is lost at any write, sync, truncation or change of a name: what was acknowledged is there, and the store is whole."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from tests.store.power_workload import faults, lose_power
from tests.support.power_loss import Change, Disk, Inode, Snapshot

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the shim stands over the unix VFS")

SEEDS, POINTS, STEPS = (11, 12), 20, 60


def snapshots(home: Path, seed: int, count: int, *, pragmas: tuple[str, ...] = ()) -> list[Snapshot]:
    """The disk at `count` random operations of the workload."""
    (whole,) = lose_power(home / "counted", seed, STEPS, [], pragmas=pragmas)
    points = sorted(random.Random(seed).sample(range(1, whole.number), count))
    return lose_power(home / "store", seed, STEPS, points, pragmas=pragmas)


def found_after(snapshot: Snapshot, home: Path, target: Path, seed: int) -> list[str]:
    target.mkdir(mode=0o700)
    snapshot.restore(home / "store", target, seed)
    return faults(target, snapshot.seen)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_loss_of_power_loses_nothing_that_was_acknowledged(tmp_path: Path, seed: int) -> None:
    taken = snapshots(tmp_path, seed, POINTS)
    assert len(taken) == POINTS
    assert len(taken[-1].seen) > 20
    for snapshot in taken:
        target = tmp_path / str(snapshot.number)
        assert found_after(snapshot, tmp_path, target, snapshot.number) == [], f"{snapshot.number}: {snapshot.operation}"


def test_nor_does_it_where_there_is_no_write_ahead_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a network file system the store has a rollback journal: its removal is what commits, and must be on the disk too."""
    monkeypatch.setattr("lcode.store.filesystem.on_network", lambda path: True)
    for snapshot in snapshots(tmp_path, 13, POINTS):
        target = tmp_path / str(snapshot.number)
        assert found_after(snapshot, tmp_path, target, snapshot.number) == [], f"{snapshot.number}: {snapshot.operation}"


def test_the_model_would_show_a_commit_that_was_not_synced(tmp_path: Path) -> None:
    """With less durability than the store asks for, the same points do lose commits: the test can fail."""
    taken = snapshots(tmp_path, 11, 20, pragmas=("synchronous=NORMAL",))
    lost = [fault for at in taken for fault in found_after(at, tmp_path, tmp_path / str(at.number), at.number)]
    assert any(fault.startswith("lost: ") for fault in lost)


def test_what_was_synced_survives_and_what_was_not_is_torn_by_sectors(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    inode = disk.opened(str(tmp_path / "file"), existed=False)
    disk.changed(inode, Change(0, b"a" * 1024), "write")
    disk.synced(inode, "sync", str(tmp_path))
    disk.changed(inode, Change(256, b"b" * 1024), "write")
    disk.points = frozenset({disk.operations + 1})
    disk.changed(inode, Change(0, b"c" * 512), "write")
    (snapshot,) = disk.snapshots
    seen = set()
    for seed in range(200):
        target = tmp_path / f"after-{seed}"
        snapshot.restore(tmp_path, target, seed)
        seen.add((target / "file").read_bytes())
    first = {content[:512] for content in seen}
    assert first == {b"a" * 512, b"a" * 256 + b"b" * 256, b"c" * 512}
    assert {content[512:1024] for content in seen} == {b"a" * 512, b"b" * 512}
    assert {len(content) for content in seen} == {1024, 1280}
    assert any(content[1024:] not in (b"b" * 256, b"") for content in seen)


def test_a_new_name_is_lost_until_its_folder_is_synced(tmp_path: Path) -> None:
    disk = Disk(tmp_path, points=(3, 5))
    inode = disk.opened(str(tmp_path / "file"), existed=False)
    disk.changed(inode, Change(0, b"a"), "write")
    disk.synced(inode, "sync")
    disk.folder_synced(tmp_path)
    disk.changed(inode, Change(0, b"b"), "write")
    disk.synced(Inode(), "another file")
    before, after = disk.snapshots
    there = []
    for number, snapshot in enumerate((before, after)):
        for seed in range(40):
            target = tmp_path / f"after-{number}-{seed}"
            snapshot.restore(tmp_path, target, seed)
            there.append((number, (target / "file").exists()))
    assert {(0, False), (0, True), (1, True)} == set(there)
