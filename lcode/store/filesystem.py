"""What kind of file system a folder is on. On a network one SQLite's write-ahead log must not be used: it needs memory that
all processes share, which two machines do not have, and its locks are only as good as the server's.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_NETWORK = frozenset(
    {
        *("nfs", "nfs3", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "9p", "afs", "afpfs", "auristorfs", "coda", "lustre"),
        *(
            "ceph",
            "gfs",
            "gfs2",
            "ocfs2",
            "glusterfs",
            "beegfs",
            "gpfs",
            "orangefs",
            "pvfs2",
            "webdav",
            "davfs",
            "ncpfs",
            "ncp",
        ),
        *("vboxsf", "prl_fs", "virtiofs", "vmhgfs", "drvfs", "remote"),
    }
)
_LOCAL_FUSE = frozenset({"fuseblk", "fuse.ntfs-3g", "fuse.ext2", "fuse.bindfs", "fuse.mergerfs", "fuse.fuse-overlayfs"})


def kind(path: Path, mountinfo: str | None = None) -> str:
    """The file system's name, such as ext4, nfs4 or fuse.sshfs; '' where the system does not say. `mountinfo` is the text of
    Linux's table of mounts, if not this process's."""
    if sys.platform == "darwin" and mountinfo is None:
        return _macos(path)
    if sys.platform == "win32" and mountinfo is None:
        return _windows(path)
    return _linux(path, _mounts() if mountinfo is None else mountinfo)


def is_network(name: str) -> bool:
    """Whether a file system of this name may be used by several machines at once, or shares no memory."""
    return name in _NETWORK or (name.startswith("fuse") and name not in _LOCAL_FUSE)


def on_network(path: Path) -> bool:
    return is_network(kind(path))


def _mounts() -> str:
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123 - on every start
            return file.read()
    except OSError:
        return ""


def _linux(path: Path, mountinfo: str) -> str:
    """The last mount on the longest beginning of the path: later ones lie over earlier ones."""
    place = os.path.realpath(path)
    longest, found = -1, ""
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields, name = before.split(" "), after.partition(" ")[0]
        if len(fields) < 5 or not name:
            continue
        point = _unescaped(fields[4])
        if len(point) >= longest and (place == point or place.startswith(point.rstrip("/") + "/")):
            longest, found = len(point), name
    return found


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, char)
    return text


def _macos(path: Path) -> str:  # pragma: no cover - on macOS alone
    import ctypes
    import ctypes.util

    class Statfs(ctypes.Structure):
        """struct statfs with 64-bit inodes."""

        _fields_ = (
            ("head", ctypes.c_uint32 * 2),
            ("counts", ctypes.c_uint64 * 5),
            ("fsid", ctypes.c_int32 * 2),
            ("rest", ctypes.c_uint32 * 4),
            ("name", ctypes.c_char * 16),
            ("places", ctypes.c_char * 2048),
            ("reserved", ctypes.c_uint32 * 8),
        )

    found = Statfs()
    library = ctypes.CDLL(ctypes.util.find_library("c"), use_errno=True)
    # on Intel the name without a suffix is that of an older form of the structure
    statfs = getattr(library, "statfs$INODE64", None) or library.statfs
    if statfs(os.fsencode(os.path.realpath(path)), ctypes.byref(found)) != 0:
        return ""
    return bytes(found.name).decode("ascii", "replace")


def _windows(path: Path) -> str:  # pragma: no cover - on Windows alone
    place = os.path.realpath(path)
    if place.startswith(("\\\\", "//")) and not place.startswith("\\\\?\\"):
        return "remote"
    if sys.platform == "win32":
        import ctypes

        if ctypes.windll.kernel32.GetDriveTypeW(str(Path(place).anchor)) == 4:
            return "remote"
    return "local"
