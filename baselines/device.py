"""What the baselines compute on: the processor, or a GPU of this machine."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import torch

from gatherset.dataset.errors import ModelError


def find_device(name: str) -> torch.device:
    """The processor or GPU called `name`; ModelError where this machine or this torch has none."""
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()  # "meta" holds no numbers
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise ModelError(
            f"there is no device {name} here ({reason})", "Leave --device out: cpu always works"
        ) from error
    return device


def finished(device: torch.device) -> None:
    """Wait until a GPU has done what it was given, so that a clock can be read."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 itself, rather than by way of float32; an old torch cannot tell."""
    capabilities = getattr(torch.cpu, "get_capabilities", None)
    return capabilities is None or any(has for name, has in capabilities().items() if name.endswith("bf16"))


def hardware(device: str = "cpu", precision: str = "float32") -> str:
    """Processor, cores, threads, the GPU if there is one at work, and precision in one line."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        processor = names[0] if names else processor
    place = torch.device(device)
    gpu = f"{device} ({torch.cuda.get_device_name(place)}), " if place.type == "cuda" else ""
    gpu = gpu or ("" if place.type == "cpu" else f"{device}, ")
    return (
        f"{gpu}{processor}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, torch {torch.__version__}, "
        f"{precision}"
    )
