"""What the figures were measured on."""

import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def described() -> dict[str, Any]:
    """Cores, memory, processor, system, the day."""
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "date": datetime.now(UTC).date().isoformat(),
    }


def in_words(found: Mapping[str, Any]) -> str:
    """What `described` found, for people."""
    return (
        f"{found['cores']} cores, {found['memory_gib']} GiB, {found['processor']}, {found['system']}, "
        f"Python {found['python']}; {found['date']}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
