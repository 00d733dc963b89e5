"""Who may read what on a machine that others use too: modes of folders and files, set explicitly.

All that the lake keeps is its own account's (0700, 0600), restricted editions too, but for what is published to others:
the internal edition is its group's (0750, 0640), the open one everybody's (0755, 0644), and whoever may read it may
pass through the folders above it (0711) without listing them. It owns the rule and the means; a bucket's rights are its
policy's (ADR 0022, 0042). Left alone: folders of other accounts, and a drop folder that others write to (their transfer
decides who may).
"""

from __future__ import annotations

import grp
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from ingestion.errors import ConfigurationError
from ingestion.keys import PRIVATE, PUBLISHED, PUBLISHED_INTERNAL, PUBLISHED_OPEN, PUBLISHED_RESTRICTED

PASSAGE = 0o711
OWN_UMASK = 0o077


@dataclass(frozen=True)
class Rights:
    """Modes of folders and files; `has_group`: the configured group is given to them."""

    folder: int
    file: int
    has_group: bool = False


OWN = Rights(0o700, 0o600)
INTERNAL = Rights(0o750, 0o640, has_group=True)
OPEN = Rights(0o755, 0o644)


def of_key(key: str) -> Rights:
    """Rights of an object of the store, or of a folder in it."""
    for folder, rights in ((PUBLISHED_INTERNAL, INTERNAL), (PUBLISHED_OPEN, OPEN)):
        if key == folder or key.startswith(f"{folder}/"):
            return rights
    return OWN


def of_folder(key: str) -> int:
    """Mode of a folder of the store; `.` is the store's own."""
    return PASSAGE if key in (".", PUBLISHED) else of_key(key).folder


def group_id(name: str | None) -> int | None:
    """Id of the group that reads the internal edition; None: the owner's is kept. Raises ConfigurationError."""
    if name is None:
        return None
    try:
        found = grp.getgrnam(name).gr_gid
    except KeyError:
        raise ConfigurationError(
            f"CITYLAKE_INTERNAL_GROUP={name!r} is no group of this machine",
            left="nothing was changed",
            next_step=f"create it (`groupadd {name}`), or unset the setting",
        ) from None
    if os.geteuid() != 0 and found not in {os.getegid(), *os.getgroups()}:
        raise ConfigurationError(
            f"CITYLAKE_INTERNAL_GROUP={name!r}: this account is not in that group and cannot give files to it",
            left="nothing was changed",
            next_step="add the account to the group and log in again, or unset the setting",
        )
    return found


def keep_private() -> None:
    """From here on, what this process and its children make is its own account's, where nobody says otherwise."""
    os.umask(OWN_UMASK)


def own_folder(path: Path) -> Path:
    """Make a folder of the account's own (0700), or close one that is there; folders made above it are passages."""
    passage(path.parent)
    path.mkdir(exist_ok=True, mode=OWN.folder)
    set_mode(path, OWN.folder)
    return path


def passage(path: Path) -> Path:
    """Make a folder others may pass through (0711), and those missing above it; one that is there is left as it is."""
    if not path.is_dir():
        passage(path.parent)
        path.mkdir(exist_ok=True)
        set_mode(path, PASSAGE)
    return path


def close_drop(home: Path, drop: Path) -> None:
    """Close the folder of `home` that the drop folder lies in, where nobody but this account can deliver there."""
    if home not in drop.parents or not drop.is_dir():
        return
    info = drop.stat()
    if info.st_uid == os.geteuid() and not info.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        set_mode(home / drop.relative_to(home).parts[0], OWN.folder)


def tighten_passage(path: Path) -> None:
    """The lake's home or store as a passage. Shared folders (sticky), other accounts' and a person's home stay."""
    info = passage(path).stat()
    if not info.st_mode & stat.S_ISVTX and path not in (Path.home(), Path(path.anchor)):
        set_mode(path, PASSAGE)


def set_mode(path: Path, mode: int, group: int | None = None) -> bool:
    """Give a file or folder of this account its mode and group; whether anything changed. Another account's is left."""
    info = path.stat()
    if info.st_uid != os.geteuid():
        return False
    changed = False
    if group is not None and info.st_gid != group:
        os.chown(path, -1, group)
        changed = True
    # chown may clear bits, so the mode comes last.
    if changed or stat.S_IMODE(info.st_mode) != mode:
        path.chmod(mode)
        changed = True
    return changed


def tighten_store(root: Path, group: int | None) -> None:
    """Give an existing store in a folder these rights.

    A closed folder closes all below it, so zones are looked at from outside. What is published is gone through where
    the folder above it was not yet a passage (an earlier version's), or the group is another one; that folder is set
    last, so that an interrupted pass is made again.
    """
    published = root / PUBLISHED
    if published.is_dir():
        earlier = stat.S_IMODE(published.stat().st_mode) != PASSAGE
        for key in (PUBLISHED_INTERNAL, PUBLISHED_OPEN, PUBLISHED_RESTRICTED):
            _tighten_edition(root, key, group, is_earlier=earlier)
        set_mode(published, PASSAGE)
    for zone in PRIVATE:
        if (root / zone).is_dir():
            set_mode(root / zone, OWN.folder)
    tighten_passage(root)


def _tighten_edition(root: Path, key: str, group: int | None, *, is_earlier: bool) -> None:
    top, rights = root / key, of_key(key)
    if not top.is_dir():
        return
    given = group if rights.has_group else None
    info = top.stat()
    same = stat.S_IMODE(info.st_mode) == rights.folder and given in (None, info.st_gid)
    if same and not is_earlier:
        return
    for folder, _, files in os.walk(top, topdown=False):
        for name in files:
            set_mode(Path(folder, name), rights.file, given)
        set_mode(Path(folder), rights.folder, given)
