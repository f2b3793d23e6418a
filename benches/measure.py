"""Measures whole processes: times in round-robin, peak memory, and how both are printed."""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import time
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence

REPOSITORY = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
# Another binary to measure, in the place of both.
OTHER = os.environ.get("ECACHE_BENCH_BINARY")
MUSL = Path(OTHER or TARGET / "x86_64-unknown-linux-musl/release/ecache")
GLIBC = Path(OTHER or TARGET / "install/release/ecache")
BKT = TARGET / "peers/bin/bkt"
PYTHON = TARGET / "peers/python/bin/python"
SPAWN = TARGET / "peers/bin/spawn"

_NULL = [
    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
    (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
]


class Command(NamedTuple):
    """A process to run: its argv, and what its environment has besides PATH and HOME."""

    argv: Sequence[str]
    environment: Dict[str, str] = {}

    def variables(self) -> Dict[str, str]:
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return {**inherited, **self.environment}


class Clock:
    """What is compared: wall time, or with --cpu processor time, where others use the machine as well."""

    cpu = False

    @classmethod
    def add_option(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--cpu", action="store_true", help="compare processor time instead of wall time")

    @classmethod
    def now(cls) -> float:
        """The clock for work in this process."""
        return time.process_time() if cls.cpu else time.perf_counter()


def seconds(command: Command) -> float:
    """The time of one run, from the spawn to the exit code, which has to be 0."""
    argv = [str(argument) for argument in command.argv]
    started = time.perf_counter()
    child = os.posix_spawn(argv[0], argv, command.variables(), file_actions=_NULL)
    _, status, usage = os.wait4(child, 0)
    took = time.perf_counter() - started
    if status != 0:
        raise SystemExit(f"failed with status {status}: {' '.join(argv)}")
    return usage.ru_utime + usage.ru_stime if Clock.cpu else took


def round_robin(commands: Dict[str, Command], rounds: int) -> Dict[str, List[float]]:
    """Runs each command once a round, so that what disturbs the machine disturbs them all."""
    for command in commands.values():
        seconds(command)
    times: Dict[str, List[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            times[name].append(seconds(command))
    return times


def ratio(times: Sequence[float], peer: Sequence[float]) -> float:
    """The median of the ratios of each round."""
    return statistics.median(one / other for one, other in zip(times, peer))


def peak_memory(command: Command, stdin: Optional[Path] = None, rounds: int = 1) -> Optional[float]:
    """The largest resident set of a process in MiB, the smallest of several runs; None without GNU time.

    A process spawned from here would start with Python's; that of GNU time is below 2 MiB.
    """
    gnu_time = Path("/usr/bin/time")
    if not gnu_time.exists():
        return None
    peaks = []
    for _ in range(rounds):
        argv = [str(gnu_time), "-f", "peak=%M"] + [str(argument) for argument in command.argv]
        with open(stdin or os.devnull, "rb") as source:
            run = subprocess.run(
                argv, env=command.variables(), stdin=source, stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE, text=True, check=False,
            )
        if run.returncode != 0:
            raise SystemExit(f"failed: {' '.join(argv)}\n{run.stderr}")
        found = re.search(r"^peak=(\d+)$", run.stderr, re.MULTILINE)
        if found is None:
            return None
        peaks.append(int(found[1]) / 1024)
    return min(peaks)


def install(binary: Path, folder: Path, name: str) -> Path:
    """Copies a binary to where it is measured.

    Linkers write here and there in a file, which leaves it in small pieces in the page cache; as it is
    installed, in one go, a short command takes a fifth less.
    """
    installed = folder / name
    shutil.copyfile(binary, installed)
    installed.chmod(0o755)
    return installed


def timed(work: Callable[[], object]) -> float:
    """How many seconds some work takes."""
    started = Clock.now()
    work()
    return Clock.now() - started


class Goal(NamedTuple):
    """One line of the report; a limit of None is a figure without a goal."""

    name: str
    what: str
    figure: Optional[float]
    limit: Optional[float]
    unit: str = "x"
    at_least: bool = False

    def verdict(self) -> str:
        if self.figure is None:
            return "not measured"
        if self.limit is None:
            return ""
        met = self.figure >= self.limit if self.at_least else self.figure <= self.limit
        return "met" if met else "MISSED"

    def row(self) -> str:
        figure = "-" if self.figure is None else f"{self.figure:.3g} {self.unit}"
        if self.figure is not None and self.figure >= 1000:
            figure = f"{self.figure:,.0f} {self.unit}"
        sign = ">=" if self.at_least else "<="
        limit = "" if self.limit is None else f"{sign} {self.limit:,.6g} {self.unit}"
        return f"| {self.name} | {self.what} | {figure} | {limit} | {self.verdict()} |"


def print_goals(goals: Sequence[Goal]) -> None:
    """Prints the report as a Markdown table."""
    print("\n| | what | measured | goal | |\n|---|---|---:|---:|---|")
    for goal in goals:
        print(goal.row())
