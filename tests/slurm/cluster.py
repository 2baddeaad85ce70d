"""A real Slurm of one node on this machine, to try the profile without a cluster and to test it.

    sudo python3 tests/slurm/cluster.py start
    sudo python3 tests/slurm/cluster.py stop

It needs Debian's slurmctld, slurmd, slurm-client and munge. All files are in one folder, but for
/etc/slurm/slurm.conf, a link to it: a machine that has its own there belongs to a cluster, and is refused.
"""

import argparse
import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel")
DAEMONS = ("slurmd", "slurmctld", "munged")
# Where commands look within a job: Snakemake drops SLURM_CONF there.
CONF = Path("/etc/slurm/slurm.conf")
FOLDER = Path(tempfile.gettempdir()) / "touchline-slurm"
NODE = "touchline"
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random")  # that stand for GPUs
# Of the walltime, KillWait and OverTimeLimit, all is as Debian ships it; Slurm looks every 30 s.
CONFIGURATION = """\
ClusterName=touchline
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire={requeue_s}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
PropagatePrioProcess=1
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/jobs.txt
GresTypes=gpu
ReturnToService=2
SlurmdTimeout={lost_s}
NodeName={node_name} NodeHostname={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory={memory} Gres=gpu:{gpus} State=UNKNOWN
PartitionName=cpu Nodes={node_name} Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes={node_name} MaxTime=INFINITE State=UP
"""


class Cluster:
    """The daemons of one Slurm."""

    def __init__(
        self,
        folder: Path = FOLDER,
        requeue_s: int = 120,
        lost_s: int = 300,
        cores: int = os.cpu_count(),
        gpus: int = 1,
    ) -> None:
        """`requeue_s` is how long a requeued job waits, `lost_s` how long a silent node counts as up.

        `cores` and `gpus` are what Slurm shares out, whatever the machine has.
        """
        self.folder, self.requeue_s, self.lost_s = folder.absolute(), requeue_s, lost_s
        self.cores, self.gpus = cores, gpus

    def start(self) -> None:
        """Start the daemons and wait until the node takes jobs; raise `RuntimeError` if it does not."""
        missing = [name for name in PROGRAMS if shutil.which(name, path=search_path()) is None]
        if missing:
            raise RuntimeError(
                f"no {', '.join(missing)}. Install slurmctld slurmd slurm-client munge."
            )
        own = self.folder / "slurm.conf"
        if CONF.exists() and CONF.resolve() != own:
            raise RuntimeError(f"{CONF} is there, so this machine has a Slurm of its own.")
        for name in ("state", "spool"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        devices = ",".join(DEVICES[: self.gpus])
        own.write_text(self._configuration())
        CONF.parent.mkdir(exist_ok=True)
        CONF.unlink(missing_ok=True)
        CONF.symlink_to(own)
        (self.folder / "gres.conf").write_text(f"NodeName={NODE} Name=gpu File={devices}\n")
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o600)
        self._run(
            "munged", "--force", f"--key-file={key}", f"--socket={self.folder}/munge.socket",
            f"--pid-file={self.folder}/munged.pid", f"--log-file={self.folder}/munged.log",
            f"--seed-file={self.folder}/munged.seed",
        )  # fmt: skip
        self._run("slurmctld", "-c")
        self.start_node()
        self.wait("idle")

    def start_node(self) -> None:
        """Start the node's daemon alone, as when a node comes back."""
        self._run("slurmd", "-N", NODE)

    def fail_node(self) -> None:
        """Kill the node's daemon and the processes of its jobs, as when it loses power."""
        stop(self._process("slurmd"), signal.SIGKILL)
        kill_jobs()

    def give_up_after(self, seconds: int) -> None:
        """Change how long a silent node counts as up."""
        own = self.folder / "slurm.conf"
        content = own.read_text()
        own.write_text(content.replace(f"Timeout={self.lost_s}\n", f"Timeout={seconds}\n"))
        self.lost_s = seconds
        self._run("scontrol", "reconfigure")

    def wait(self, *states: str, timeout_s: float = 60) -> None:
        """Wait until the node is in one of these states."""
        until = time.monotonic() + timeout_s
        while (state := self.slurm("sinfo", "--noheader", "--format=%T")) not in states:
            if time.monotonic() > until:
                raise RuntimeError(
                    f"the node is {state or 'not there'}: see the logs in {self.folder}"
                )
            time.sleep(0.2)

    def slurm(self, *command: object) -> str:
        """Return what a command of Slurm prints; empty if it fails."""
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
        lines = done.stdout.split("\n")
        return lines[0].strip() if len(set(filter(None, lines))) == 1 else done.stdout.strip()

    def stop(self) -> None:
        """Cancel all jobs, end their processes and the daemons, and delete the folder."""
        self.slurm("scancel", f"--user={user()}")
        until = time.monotonic() + 10
        while self.slurm("squeue", "--noheader") and time.monotonic() < until:
            time.sleep(0.2)
        kill_jobs()
        for name in DAEMONS:
            stop(self._process(name), signal.SIGTERM)
        if CONF.resolve() == self.folder / "slurm.conf":
            CONF.unlink()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _configuration(self) -> str:
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        controller, node = free_ports(2)
        return CONFIGURATION.format(
            folder=self.folder, host=socket.gethostname().split(".")[0], user=user(), node_name=NODE,
            controller=controller, node=node, cores=self.cores, gpus=self.gpus, memory=pages // 2**20 * 9 // 10,
            requeue_s=self.requeue_s, lost_s=self.lost_s,
        )  # fmt: skip

    def _process(self, name: str) -> int | None:
        try:
            return int((self.folder / f"{name}.pid").read_text())
        except (OSError, ValueError):
            return None

    def _run(self, *command: str) -> None:
        environment = os.environ | {
            "PATH": search_path(),
            "SLURM_CONF": str(self.folder / "slurm.conf"),
        }
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{command[0]} does not start: {done.stderr.strip()}")


def kill_jobs() -> None:
    """Kill the processes of all jobs of this machine, and what they left behind."""
    for process in {*children_of_steps(), *started_by_jobs()}:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def children_of_steps() -> list[int]:
    """Return the processes of all jobs of this machine: each slurmstepd and what it started."""
    parents, found = {}, []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            name, rest = (process / "stat").read_text().rsplit(")", 1)
            parents[int(process.name)] = int(rest.split()[1])
            if name.endswith("(slurmstepd"):
                found.append(int(process.name))
    for process in found:  # which grows while it is read
        found += [child for child, parent in parents.items() if parent == process]
    return found


def started_by_jobs() -> list[int]:
    """Return the processes that have the environment of a job."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if b"\0SLURM_JOB_ID=" in (process / "environ").read_bytes():
                found.append(int(process.name))
    return found


def search_path() -> str:
    """Return PATH with the folders that hold Debian's daemons."""
    return os.pathsep.join([os.environ["PATH"], "/usr/local/sbin", "/usr/sbin", "/sbin"])


def user() -> str:
    return pwd.getpwuid(os.getuid()).pw_name


def free_ports(count: int) -> list[int]:
    """Return ports that nothing listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def stop(process: int | None, number: int) -> None:
    """Signal a process and wait until it is gone."""
    if process is None:
        return
    try:
        os.kill(process, number)
        for _ in range(100):
            os.kill(process, 0)
            time.sleep(0.1)
    except ProcessLookupError:
        return


def main(argv: list[str]) -> None:
    """Start or stop the Slurm of this machine."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["start", "stop"])
    parser.add_argument("--folder", type=Path, default=FOLDER, help="of its files (%(default)s)")
    args = parser.parse_args(argv)
    cluster = Cluster(args.folder)
    if args.what == "stop":
        cluster.stop()
        return
    try:
        cluster.start()
    except RuntimeError as error:
        sys.exit(f"error: {error}")
    print(cluster.slurm("sinfo"))


if __name__ == "__main__":
    main(sys.argv[1:])
