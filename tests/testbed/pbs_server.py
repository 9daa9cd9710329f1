"""The server of the tests' PBS: it runs the scripts that it is given as processes of whoever submitted them.

As PBS does, it starts a login shell in the user's home, with the variables of PBS and none of the submitting process's
but those that were asked for; ends a job's whole session at its wall time; and writes its output where it was asked to.
Jobs wait until the processors that they ask for are free. Run it as ``pbs_server.py FOLDER``.
"""

import contextlib
import json
import os
import pwd
import signal
import socket
import socketserver
import struct
import subprocess
import sys
import threading
import time
import typing
from dataclasses import dataclass, field
from pathlib import Path

QUEUES = ("workq", "batch")
CPUS = 96
NAME = "pbs"
KILL_DELAY_S = 1.0
POLL_S = 0.05
UNKNOWN_JOB, FORBIDDEN, UNKNOWN_QUEUE, FINISHED = 153, 159, 170, 35
"""Statuses: PBS's error numbers, 15001 and so on, as far as a status holds them."""
START = 'umask 077; exec >>"$1" 2>>"$2" </dev/null && exec "$3" -l -c \'exec "$0"\' "$0"'


class Fields(typing.TypedDict, total=False):
    """What a command asks."""

    verb: str
    script: str
    name: str
    queue: str
    account: str
    out: str
    err: str
    join: str
    resources: dict[str, str]
    walltime_s: int | None
    environ: dict[str, str]
    submitted: dict[str, str]
    folder: str
    jobs: list[str]
    full: bool
    finished: bool
    queues: bool


class Answer(typing.TypedDict):
    """What it is answered: what to print, and its status."""

    out: str
    err: str
    status: int


@dataclass
class Job:
    """A job: what was asked for, and what became of it."""

    number: int
    uid: int
    asked: Fields
    state: str = "Q"
    status: int = 0
    session: int = 0
    wanted: threading.Event = field(default_factory=threading.Event)
    """Set once somebody has deleted it."""

    @property
    def id(self) -> str:
        return f"{self.number}.{NAME}"

    @property
    def user(self) -> pwd.struct_passwd:
        return pwd.getpwuid(self.uid)

    @property
    def queue(self) -> str:
        return self.asked["queue"] or QUEUES[0]

    @property
    def cpus(self) -> int:
        resources = self.asked["resources"]
        return int(resources.get("select", 1)) * int(resources.get("ncpus", 1))

    def outputs(self) -> tuple[Path, Path]:
        """Return the files of stdout and stderr; one that is asked for as a folder is named by the job's id."""
        found = []
        for kind, suffix in (("out", "OU"), ("err", "ER")):
            wanted = self.asked["out"] if kind == "out" else self.asked["err"]
            place = Path(self.asked["folder"]) / wanted.rpartition(":")[2]
            if not wanted:
                place /= f"{self.asked['name']}.{kind[0]}{self.number}"
            elif place.is_dir():
                place /= f"{self.id}.{suffix}"
            found.append(place)
        join = self.asked["join"]
        out, err = found
        return (out, out) if join == "oe" else (err, err) if join == "eo" else (out, err)

    def environ(self, folder: Path) -> dict[str, str]:
        """Return the variables of the job."""
        user, submitted = self.user, self.asked["submitted"]
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            **self.asked["environ"],
            "HOME": user.pw_dir,
            "USER": user.pw_name,
            "LOGNAME": user.pw_name,
            "SHELL": user.pw_shell,
            "LANG": submitted["LANG"] or "C",
            "TMPDIR": str(folder / "tmp" / self.id),
            "NCPUS": str(self.asked["resources"].get("ncpus", 1)),
            "OMP_NUM_THREADS": str(self.asked["resources"].get("ncpus", 1)),
            "PBS_ENVIRONMENT": "PBS_BATCH",
            "PBS_JOBID": self.id,
            "PBS_JOBNAME": self.asked["name"],
            "PBS_QUEUE": self.queue,
            "PBS_NODEFILE": str(folder / "jobs" / f"{self.number}.nodes"),
            "PBS_O_HOST": socket.gethostname(),
            "PBS_O_QUEUE": self.asked["queue"] or QUEUES[0],
            "PBS_O_WORKDIR": self.asked["folder"],
            **{f"PBS_O_{name}": value for name, value in submitted.items()},
        }


class Batch:
    """All jobs, first come, first served."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.jobs: dict[int, Job] = {}
        self.free = CPUS
        self.change = threading.Condition()

    def submit(self, uid: int, asked: Fields) -> Job:
        """Take a job, which runs as soon as its processors are free."""
        with self.change:
            job = Job(number=len(self.jobs) + 1, uid=uid, asked=asked)
            self.jobs[job.number] = job
        threading.Thread(target=self.run, args=(job,), daemon=True).start()
        return job

    def run(self, job: Job) -> None:
        """Run the job to its end, when it has its processors."""
        with self.change:
            self.change.wait_for(lambda: job.wanted.is_set() or job.cpus <= self.free)
            if job.wanted.is_set():
                job.state = "F"
                return
            self.free -= job.cpus
            job.state = "R"
        try:
            job.status = self.execute(job)
        finally:
            with self.change:
                job.state = "F"
                self.free += job.cpus
                self.change.notify_all()

    def execute(self, job: Job) -> int:
        """Return the status of the job's script."""
        user, (out, err) = job.user, job.outputs()
        script = self.folder / "jobs" / f"{job.number}.SC"
        script.write_text(job.asked["script"], encoding="utf-8")
        script.chmod(0o700)
        (self.folder / "jobs" / f"{job.number}.nodes").write_text(f"{socket.gethostname()}\n", encoding="utf-8")
        temporary = self.folder / "tmp" / job.id
        temporary.mkdir(mode=0o700)
        for path in (script, temporary):
            os.chown(path, user.pw_uid, user.pw_gid)
        process = subprocess.Popen(
            ["/bin/sh", "-c", START, str(script), str(out), str(err), user.pw_shell or "/bin/sh"],
            env=job.environ(self.folder),
            cwd=user.pw_dir,
            user=user.pw_uid,
            group=user.pw_gid,
            extra_groups=os.getgrouplist(user.pw_name, user.pw_gid),
            start_new_session=True,
        )
        job.session = process.pid
        self.watch(job, process, err)
        end(process.pid)
        subprocess.run(["rm", "-rf", str(temporary)], check=False)
        return process.wait()

    def watch(self, job: Job, process: "subprocess.Popen[bytes]", err: Path) -> None:
        """Return when the job's script has ended, somebody has deleted it, or its time is over."""
        start_s, limit_s = time.monotonic(), job.asked["walltime_s"]
        while process.poll() is None and not job.wanted.wait(POLL_S):
            passed_s = time.monotonic() - start_s
            if limit_s is not None and passed_s >= limit_s:
                with err.open("a", encoding="utf-8") as said:
                    said.write(f"=>> PBS: job killed: walltime {int(passed_s)} exceeded limit {limit_s}\n")
                break
        job.state = "E"


def end(session: int) -> None:
    """End all processes of the session, kindly at first."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        end_s = time.monotonic() + KILL_DELAY_S
        while found := members(session):
            for pid in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            if time.monotonic() >= end_s:
                break
            time.sleep(POLL_S)


def members(session: int) -> list[int]:
    """Return the processes of the session that have not ended."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(folder.name))
    return found


class Refused(Exception):
    """What the command says to stderr, and its status."""

    def __init__(self, said: str, status: int) -> None:
        super().__init__(said, status)
        self.said = said
        self.status = status


class Asked(socketserver.StreamRequestHandler):
    """One call of a command."""

    batch: Batch

    def handle(self) -> None:
        """Answer it."""
        _, uid, _ = struct.unpack("3i", self.connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        asked = json.loads(self.rfile.readline())
        answer: Answer = {"out": "", "err": "", "status": 0}
        if asked["verb"] == "qsub":
            self.qsub(uid, asked, answer)
        elif asked["verb"] == "qdel":
            self.qdel(uid, asked, answer)
        else:
            self.qstat(asked, answer)
        self.wfile.write(json.dumps(answer).encode())

    def qsub(self, uid: int, asked: Fields, answer: Answer) -> None:
        if asked["queue"] and asked["queue"] not in QUEUES:
            answer |= {"out": "", "err": "qsub: Unknown queue\n", "status": UNKNOWN_QUEUE}
            return
        answer["out"] = f"{self.batch.submit(uid, asked).id}\n"

    def qdel(self, uid: int, asked: Fields, answer: Answer) -> None:
        for name in asked["jobs"]:
            try:
                job = self.find_to_delete(name, uid)
            except Refused as refused:
                answer["err"] += f"{refused.said}\n"
                answer["status"] = refused.status
                continue
            with self.batch.change:
                job.wanted.set()
                self.batch.change.notify_all()

    def qstat(self, asked: Fields, answer: Answer) -> None:
        if asked["queues"]:
            answer["out"] = queue_table(self.batch)
            return
        found = []
        for name in asked["jobs"]:
            try:
                found.append(self.find_to_show(name, finished=asked["finished"]))
            except Refused as refused:
                answer["err"] += f"{refused.said}\n"
                answer["status"] = refused.status
        if not asked["jobs"]:
            found = [job for job in self.batch.jobs.values() if asked["finished"] or job.state != "F"]
        answer["out"] = "".join(map(full, found)) if asked["full"] else table(found)

    def find_to_delete(self, name: str, uid: int) -> Job:
        job = self.find("qdel", name)
        if job.state == "F":
            raise Refused(f"qdel: Job has finished {job.id}", FINISHED)
        if uid not in {0, job.uid}:
            raise Refused(f"qdel: Unauthorized Request  {job.id}", FORBIDDEN)
        return job

    def find_to_show(self, name: str, *, finished: bool) -> Job:
        job = self.find("qstat", name)
        if job.state == "F" and not finished:
            said = f"qstat: {job.id} Job has finished, use -x or -H to obtain historical job information"
            raise Refused(said, FINISHED)
        return job

    def find(self, program: str, name: str) -> Job:
        number = name.partition(".")[0]
        job = self.batch.jobs.get(int(number)) if number.isdigit() else None
        if job is None:
            raise Refused(f"{program}: Unknown Job Id {name if '.' in name else f'{name}.{NAME}'}", UNKNOWN_JOB)
        return job


def table(jobs: list[Job]) -> str:
    """Return the usual list, in which long names are cut; nothing, where there are no jobs."""
    form = "{:<17} {:<16} {:<16}  {:>8} {:1} {:<5}\n"
    rows = [form.format("Job id", "Name", "User", "Time Use", "S", "Queue")]
    rows.append(form.format("-" * 16, "-" * 16, "-" * 16, "-" * 8, "-", "-" * 5))
    for job in jobs:
        name = job.asked["name"]
        shown = name if len(name) <= 15 else f"{name[:14]}*"
        time_used = "0" if job.state == "Q" else "00:00:00"
        rows.append(form.format(job.id, shown, job.user.pw_name, time_used, job.state, job.queue))
    return "".join(rows) if jobs else ""


def full(job: Job) -> str:
    """Return all that is known of the job."""
    host = socket.gethostname()
    lines = [
        f"Job_Name = {job.asked['name']}",
        f"Job_Owner = {job.user.pw_name}@{host}",
        f"job_state = {job.state}",
        f"queue = {job.queue}",
        f"server = {NAME}",
    ]
    if job.asked["account"]:
        lines.append(f"Account_Name = {job.asked['account']}")
    if job.session:
        lines.append(f"exec_host = {host}/0*{job.cpus}")
    lines += [f"Resource_List.{name} = {value}" for name, value in sorted(job.asked["resources"].items())]
    if job.state == "F":
        lines.append(f"Exit_status = {job.status if job.status >= 0 else 256 - job.status}")
    return f"Job Id: {job.id}\n" + "".join(f"    {line}\n" for line in lines) + "\n"


def queue_table(batch: Batch) -> str:
    """Return the list of queues."""
    rows = ["Queue              Max   Tot Ena Str   Que   Run   Hld   Wat   Trn   Ext Type\n"]
    rows.append("---------------- ----- ----- --- --- ----- ----- ----- ----- ----- ----- ----\n")
    for queue in QUEUES:
        states = [job.state for job in batch.jobs.values() if job.queue == queue]
        waiting, running = states.count("Q"), states.count("R")
        counts = f"{waiting:>5} {running:>5} {0:>5} {0:>5} {0:>5} {0:>5}"
        rows.append(f"{queue:<16} {0:>5} {waiting + running:>5} yes yes {counts} Exec\n")
    return "".join(rows)


class Server(socketserver.ThreadingUnixStreamServer):
    """The server, with its jobs."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, folder: Path) -> None:
        for name, mode in (("jobs", 0o755), ("tmp", 0o755)):
            (folder / name).mkdir(mode=mode)
        Asked.batch = Batch(folder)
        waiting = folder / "socket.new"
        super().__init__(str(waiting), Asked)
        waiting.chmod(0o777)
        waiting.rename(folder / "socket")


if __name__ == "__main__":
    Server(Path(sys.argv[1])).serve_forever()
