#!/usr/bin/python3
"""as_unit.py UNIT PROGRAM [ARG]...

Runs a program under what a systemd unit forbids it, as far as that is done by filters of system calls:
SystemCallFilter=, MemoryDenyWriteExecute=, RestrictAddressFamilies=; and listens to what it notifies.
A call that the unit forbids kills the process, as under systemd. Each notification is one line of JSON
on stdout, the last line is {"status": STATUS}. SIGTERM and SIGHUP are passed on to the program.

By Debian's own Python, which has libseccomp (python3-seccomp)."""

import ctypes
import json
import mmap
import os
import signal
import socket
import subprocess
import sys
import tempfile

import seccomp

FAMILIES = {"AF_UNIX": socket.AF_UNIX, "AF_INET": socket.AF_INET, "AF_INET6": socket.AF_INET6}
FAMILY_MAX = 45
PR_SET_PDEATHSIG = 1


def settings(path):
    """{name: [values]} of the section Service."""
    found = {}
    for line in open(path, encoding="utf-8"):
        line = line.strip()
        if "=" in line and not line.startswith("#"):
            name, value = line.split("=", 1)
            found.setdefault(name, []).append(value)
    return found


def expand(word):
    """A call, or those of a @set, as this machine's systemd has them."""
    if not word.startswith("@"):
        return {word}
    lines = subprocess.run(["systemd-analyze", "syscall-filter", word], capture_output=True, text=True, check=True)
    calls = set()
    for line in lines.stdout.splitlines()[1:]:
        line = line.strip()
        if line and not line.startswith("#"):
            calls |= expand(line)
    return calls


def allowed_calls(values):
    allowed = set()
    for value in values:
        words = set().union(*(expand(word) for word in value.lstrip("~").split()))
        allowed = allowed - words if value.startswith("~") else allowed | words
    return allowed | {"execve", "exit", "exit_group", "rt_sigreturn"}


def load_filters(unit):
    deny = seccomp.SyscallFilter(defaction=seccomp.ALLOW)
    if unit.get("MemoryDenyWriteExecute") == ["yes"]:
        both = mmap.PROT_WRITE | mmap.PROT_EXEC
        deny.add_rule(seccomp.ERRNO(1), "mmap", seccomp.Arg(2, seccomp.MASKED_EQ, both, both))
        deny.add_rule(
            seccomp.ERRNO(1), "mprotect", seccomp.Arg(2, seccomp.MASKED_EQ, mmap.PROT_EXEC, mmap.PROT_EXEC)
        )
    families = [FAMILIES[word] for value in unit["RestrictAddressFamilies"] for word in value.split()]
    for family in set(range(FAMILY_MAX + 1)) - set(families):
        deny.add_rule(seccomp.ERRNO(97), "socket", seccomp.Arg(0, seccomp.EQ, family))
    calls = seccomp.SyscallFilter(defaction=seccomp.KILL_PROCESS)
    for name in allowed_calls(unit["SystemCallFilter"]):
        try:
            calls.add_rule(seccomp.ALLOW, name)
        except RuntimeError:
            pass  # of another architecture
    # Loading the second takes calls that the first may forbid.
    deny.load()
    calls.load()


def main():
    unit = settings(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "notify")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listener.bind(path)
        listener.settimeout(0.2)
        watchdog_us = int(unit["WatchdogSec"][0]) * 1000000
        pid = os.fork()
        if pid == 0:
            os.environ.update(NOTIFY_SOCKET=path, WATCHDOG_USEC=str(watchdog_us), WATCHDOG_PID=str(os.getpid()))
            listener.close()
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            load_filters(unit)
            os.execv(sys.argv[2], sys.argv[2:])
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda number, frame: os.kill(pid, number))
        ended = None
        while True:
            try:
                text = listener.recv(4096).decode()
                print(json.dumps(dict(line.split("=", 1) for line in text.splitlines())), flush=True)
                continue
            except TimeoutError:
                pass
            if ended is not None:
                break
            done, status = os.waitpid(pid, os.WNOHANG)
            ended = os.waitstatus_to_exitcode(status) if done else None
        print(json.dumps({"status": ended}), flush=True)


if __name__ == "__main__":
    main()
