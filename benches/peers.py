"""Builds what is measured, and installs what it is measured against."""

import os
import subprocess
import sys
from typing import Dict, List

from measure import BKT, PYTHON, REPOSITORY, SPAWN, TARGET


def build_static() -> None:
    """Builds the static binary."""
    build(["--target", "x86_64-unknown-linux-musl"], {})


def build_installed() -> None:
    """Builds the binary that `cargo install` would make: it reads no .cargo/config.toml."""
    build(["--target-dir", str(TARGET / "install")], {"LIBSQLITE3_FLAGS": ""})


def build(arguments: List[str], environment: Dict[str, str]) -> None:
    """Runs a release build."""
    subprocess.run(
        ["cargo", "build", "--release", *arguments],
        cwd=REPOSITORY, env={**os.environ, **environment}, check=True,
    )


def install_bkt() -> None:
    """Installs bkt if it is missing; without a network it stays so."""
    if not BKT.exists():
        subprocess.run(["cargo", "install", "bkt", "--root", str(TARGET / "peers")], check=False)


def install_diskcache() -> None:
    """Installs diskcache if it is missing; without a network it stays so."""
    if not PYTHON.exists():
        folder = PYTHON.parent.parent
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(PYTHON), "-m", "pip", "install", "--quiet", "diskcache"], check=False)


def build_spawn() -> None:
    """Builds the loop that runs and captures commands and does nothing else, as the static binary is built."""
    SPAWN.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["rustc", "--edition", "2024", "-O", "--target", "x86_64-unknown-linux-musl",
         str(REPOSITORY / "benches/spawn.rs"), "-o", str(SPAWN)],
        check=True,
    )
