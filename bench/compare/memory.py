# SPDX-License-Identifier: MIT
"""What a process and all that it has started keep in memory, by Linux's /proc.

The sum of their PSS (proportional set size: of a page that k processes share, each counts a k-th), in which no page of theirs
counts twice, and what they share with others, such as the C library, counts in part."""
import os

PROC = "/proc"


def why_not():
    """Why nothing can be measured here; None if it can."""
    path = os.path.join(PROC, "self", "smaps_rollup")
    return None if os.path.exists(path) else "there is no " + path


def processes():
    """{pid: its parent's pid} of all that have memory, which those that have ended and wait to be collected have not."""
    parents = {}
    for name in os.listdir(PROC):
        if not name.isdigit():
            continue
        try:
            with open(os.path.join(PROC, name, "stat"), encoding="utf-8", errors="replace") as file:
                state, parent = file.read().rsplit(")", 1)[1].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
        if state not in "ZX":
            parents[int(name)] = int(parent)
    return parents


def tree(root):
    """The pids of `root` and of all its descendants."""
    parents = processes()
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def pss_mib(pids):
    """OSError if one of them cannot be measured: a sum without it would be too good."""
    kib = 0
    for pid in pids:
        with open(os.path.join(PROC, str(pid), "smaps_rollup"), encoding="ascii", errors="replace") as file:
            kib += sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
    return kib / 1024
