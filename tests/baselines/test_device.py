from pathlib import Path

import pytest

from gatherset.baselines.device import hardware, has_bfloat16


def test_bfloat16_is_what_the_processor_says_of_itself() -> None:
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        pytest.skip("this system has no /proc/cpuinfo")
    flags = {
        word
        for line in cpuinfo.read_text().splitlines()
        if "lags" in line or "Features" in line
        for word in line.split()
    }
    assert has_bfloat16() == bool(flags & {"avx512_bf16", "amx_bf16", "bf16"})


def test_the_hardware_line_names_the_precision() -> None:
    assert hardware().endswith("float32")
    assert hardware(precision="bfloat16").endswith("bfloat16")
