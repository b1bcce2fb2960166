"""Starts one command that cannot outlive the worker and may see its job folder as /mnt.

Run as a script: `launcher.py WORKER_PID ISOLATION JOB_DIR COMMAND...`. It imports nothing of
this project, so that a job costs a bare interpreter and no more. Exit code 126: it could not start.

ISOLATION is `none`; `mounts` (namespaces of its own for users and mounts: JOB_DIR's input/ and
output/ appear in /mnt, beside what was there); or `full` (also one for processes: when the command
ends, the kernel ends everything that it started).
"""

import ctypes
import os
import signal
import sys

CANNOT_START = 126

PR_SET_PDEATHSIG = 1
CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID = 0x00020000, 0x10000000, 0x20000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = (
    2,
    4,
    8,
    4096,
    16384,
    1 << 18,
)

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    encoded = [os.fsencode(text) for text in (source, target, kind)]
    check(libc.mount(*encoded, flags, os.fsencode(data)), f"mount {target}")


def die_with(parent: int) -> None:
    """The kernel kills us when our parent dies; if it died before we asked, we go at once."""
    check(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL), "prctl")
    if os.getppid() != parent:
        sys.exit(CANNOT_START)


def enter_namespaces(flags: int) -> None:
    """The same user inside as outside: the module gains no power over the machine."""
    uid, gid = os.getuid(), os.getgid()
    check(libc.unshare(flags), "unshare")
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {uid} 1"),
        ("gid_map", f"{gid} {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    mount("none", "/", "", MS_REC | MS_PRIVATE)


def show_job_in_mnt(job_dir: str) -> None:
    """A folder of our own over /mnt: nothing can be made in the real one without being root."""
    stage = os.path.join(job_dir, "mnt")
    os.mkdir(stage)
    mount("tmpfs", stage, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=64k")
    for entry in os.scandir("/mnt"):
        if entry.name not in ("input", "output") and entry.is_dir(follow_symlinks=False):
            bind(entry.path, os.path.join(stage, entry.name))
    for name in ("input", "output"):
        bind(os.path.join(job_dir, name), os.path.join(stage, name))
    mount(stage, "/mnt", "", MS_BIND | MS_REC)


def bind(source: str, target: str) -> None:
    os.mkdir(target)
    mount(source, target, "", MS_BIND | MS_REC)


def run_as_first_process(command: list[str]) -> int:
    """The command is process 1 of the new namespace; the kernel ends the rest with it."""
    # The namespace's first process sees its parent, being outside, as 0.
    child = os.fork()
    if child == 0:
        die_with(0)
        mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
        os.execvp(command[0], command)  # noqa: S606
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def main(worker: int, isolation: str, job_dir: str, command: list[str]) -> int:
    die_with(worker)
    directory = os.getcwd()
    if isolation != "none":
        enter_namespaces(CLONE_NEWUSER | CLONE_NEWNS | (CLONE_NEWPID if isolation == "full" else 0))
        show_job_in_mnt(job_dir)
        # Reopened by name, so that it is seen through the new mounts.
        os.chdir(directory)
    if isolation == "full":
        return run_as_first_process(command)
    os.execvp(command[0], command)  # noqa: S606
    return CANNOT_START


if __name__ == "__main__":
    try:
        sys.exit(main(int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:]))
    except OSError as error:
        print(f"mlsploit: the module could not be started: {error}", file=sys.stderr)
        sys.exit(CANNOT_START)
