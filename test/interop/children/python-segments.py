"""Maps segments with the client of examples/python, and prints which ones it refuses."""

import fcntl
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / 'examples/python'))
from shmwire_ring import DATA, SEALS, ShmwireError, header, map_segment  # noqa: E402


def segment(capacity, features, existing):
    """A sealed segment, of which the first `existing` bytes have memory."""
    fd = os.memfd_create('shmwire', os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, DATA + capacity)
    os.posix_fallocate(fd, 0, existing)
    os.pwrite(fd, header(DATA + capacity)[:88] + features.to_bytes(8, 'little'), 0)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
    return fd


for line in sys.stdin:
    capacity, features, existing = map(int, line.split())
    fd = segment(capacity, features, existing)
    blocks = os.fstat(fd).st_blocks
    try:
        mapped = map_segment(fd)
        bytes(mapped.bytes[DATA : mapped.end])
        print(mapped.capacity, 'no new page' if os.fstat(fd).st_blocks == blocks else 'new pages')
    except ShmwireError as error:
        print(error)
