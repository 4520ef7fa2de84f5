"""Processes of this machine, for tests that kill some: their descendants, their command lines, and whether
they are gone.
"""

import os
import signal
import sys
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

from tests.support.patience import wait_for


def descendants(pid):
    """The process ids of all children of a process, their children, and so on."""
    found = []
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += [int(child) for child in file.read_text().split()]
    return [*found, *(grandchild for child in found for grandchild in descendants(child))]


def command(pid):
    """A process's command line; "" where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def alive(pid):
    """Whether a process runs: it is there, and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def exposed(pids):
    """The ports that some processes listen on where other machines may reach them: [(address, port, command
    line)].
    """
    owners = {}
    for pid in pids:
        for file in Path(f"/proc/{pid}/fd").glob("*"):
            with suppress(OSError):
                owners[file.readlink().name] = pid
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == "0A" and (owner := owners.get(f"socket:[{inode}]")) is not None:
                address, port = local.split(":")
                words = [
                    int.from_bytes(bytes.fromhex(address[i : i + 8]), sys.byteorder)
                    for i in range(0, len(address), 8)
                ]
                host = ip_address(b"".join(word.to_bytes(4) for word in words))
                if not (getattr(host, "ipv4_mapped", None) or host).is_loopback:
                    found.append((str(host), int(port, 16), command(owner)))
    return found


def kill(*pids):
    """kill -9, and waits until they are gone."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not any(map(alive, pids)), 10)
