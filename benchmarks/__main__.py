"""Takes all measurements and writes their tables into the README, between its two marks."""

from __future__ import annotations

import importlib
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

from benchmarks import readme
from benchmarks.table import Table

MODULES = ("engine", "cli_start", "server", "pipeline", "stock")
"""What is measured everywhere; `gpu` comes with them where there is one, and `full_size` only when it is named."""

APART = ("schedulers", "options", "levers", "full_size")
"""What takes long, so that it is measured only when it is named; some of it has a place of its own in the README."""


def machine() -> str:
    """Describe the machine and the versions in one sentence."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "diffusers"))
    busy = os.getloadavg()[0]
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    return (
        f"Measured on {os.cpu_count()} cores ({model}), Python {platform.python_version()}, {versions}, "
        f"OMP_NUM_THREADS={threads}, load average {busy:.1f} at the start."
    )


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def main() -> None:
    """Run the benchmarks named on the command line, or all."""
    everything = (*MODULES, "gpu") if _has_gpu() else MODULES
    chosen = sys.argv[1:] or everything
    described = f"{machine()} Medians."
    tables: list[Table] = []
    for name in chosen:
        measured = list(importlib.import_module(f"benchmarks.{name}").measure())
        print("\n\n".join(table.markdown() for table in measured), end="\n\n", flush=True)
        if name in APART and readme.has_place(name):
            readme.write(name, "\n\n".join([described, *(table.markdown() for table in measured)]))
        tables += measured
    if tuple(chosen) == everything:
        readme.write("figures", "\n\n".join([described, *(table.markdown() for table in tables)]))


if __name__ == "__main__":
    main()
