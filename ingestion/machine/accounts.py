"""Which account of the machine a process runs as, and which one logged in: by the kernel, not by the environment.

`getpass.getuser` believes LOGNAME and USER, which whoever starts a process may set.
"""

from __future__ import annotations

import os
import pwd
from pathlib import Path

LOGIN = Path("/proc/self/loginuid")
_UNSET = 2**32 - 1
"""What Linux says of a process that no login led to."""


def process_account() -> str:
    """The account of the process; `uid 10001` where the machine has no name for it."""
    return _name(os.getuid())


def login(path: Path = LOGIN) -> str | None:
    """The account that logged in, also behind `sudo`; None where the kernel does not say."""
    try:
        uid = int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return None if uid == _UNSET else _name(uid)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
