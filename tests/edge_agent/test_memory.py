"""What the process keeps of pictures that it has done with: nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

LARGE_THEN_SMALL = """
import ctypes, sys
from edge_agent.memory import keep_small
if sys.argv[1] == "kept small":
    keep_small()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, (ctypes.c_void_p,)

def take(size):
    block = libc.malloc(ctypes.c_size_t(size))
    ctypes.memset(block, 1, size)
    return block

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

libc.free(take(16 << 20))      # as the first picture: by itself, glibc now takes such blocks from its common store
picture = take(12 << 20)
small = take(100 << 10)        # something that lives on, behind it
before = resident()
libc.free(picture)
print(before - resident())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc")
@pytest.mark.parametrize(("how", "given_back"), [("kept small", True), ("as it comes", False)])
def test_a_picture_that_was_used_goes_back_to_the_system(how: str, given_back: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LARGE_THEN_SMALL, how], capture_output=True, text=True, timeout=60, check=True
    )
    assert (int(done.stdout) > 11 << 20) is given_back, done.stdout
