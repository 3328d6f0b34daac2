"""The shared-memory data plane: docs/memory-layout.md. That page also says why a lock is a fence."""
import contextlib, ctypes, fcntl, mmap, os, select, socket, struct, threading

CONTROL, DATA = 4096, 8192  # offsets in the segment
TAIL, HEAD = CONTROL // 8, (CONTROL + 128) // 8  # indexes of 8-byte words
DATA_WAKE, ROOM_WAKE, WAKE_SEQUENCE, STATE = ((CONTROL + at) // 4 for at in (256, 384, 512, 640))
SEALS, SEAL_WRITE = 1 | 2 | 4 | 16, 8  # SEAL, SHRINK, GROW and FUTURE_WRITE
PAD, FIRST, LAST, U32, OFFER, SMALL = 1 << 31, 1, 2, 0xFFFFFFFF, 1, 1 << 16  # of an elastic ring
ARMED, BLOCKED, SYS_FUTEX, FUTEX_WAKE, FENCE = 1, 2, 202, 1, threading.Lock()  # of x86-64

class ShmwireError(Exception):
    """The peer breaks the protocol, or rejects what this side wants."""

def check(correct, message, error=ShmwireError):
    if not correct:
        raise error(message)

def header(size, elastic=False):
    return struct.pack('<8sHHIIIQIIQQ32xQ8x', b'SHMWIRE1', 1, 0, 0x01020304, 104, 4096, size, 1,
                       (size - DATA).bit_length() - 1, CONTROL, DATA, elastic)

class Segment:
    def __init__(self, fd, capacity, protection):
        self.memory = mmap.mmap(fd, 0, mmap.MAP_SHARED, protection)
        self.bytes = memoryview(self.memory)
        self.words, self.halves = self.bytes.cast('Q'), self.bytes.cast('I')
        self.capacity, self.most, self.end = capacity, capacity // 8 - 16, DATA + capacity

def create_segment(capacity):
    fd = os.memfd_create('shmwire', os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    check(os.pwrite(fd, bytes(DATA + capacity), 0) == DATA + capacity, 'no memory', MemoryError)  # all pages
    segment = Segment(fd, capacity, mmap.PROT_READ | mmap.PROT_WRITE)
    segment.bytes[:104], segment.bytes[56:72] = header(DATA + capacity), os.urandom(16)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
    return segment, fd

def map_segment(fd):
    """Maps the segment of the peer, which may have sent any file."""
    seals, info, copy = fcntl.fcntl(fd, fcntl.F_GET_SEALS), os.fstat(fd), os.pread(fd, 104, 0)
    size, elastic = info.st_size, copy[88:89] == b'\1' and info.st_size > DATA + SMALL
    capacity = SMALL if elastic else size - DATA  # an elastic ring stays small: _read_record
    check(seals & (SEALS | SEAL_WRITE) == SEALS and size - DATA in [1 << n for n in range(16, 31)]
          and info.st_blocks * 512 >= DATA + capacity, f'the memory has {size} bytes and the seals {seals}')
    for part in slice(10), slice(12, 16), slice(20, 56), slice(88, 96):  # without minor version, id, owner
        check(copy[part] == header(size, elastic)[part], 'the header of the memory is wrong')
    return Segment(fd, capacity, mmap.PROT_READ)

class RingPlane:
    """Writes records to our segment, and reads those of the peer's."""
    def __init__(self, control, limit, mine, peer, our_bell, peer_bell):
        self.control, self.limit, self.mine, self.peer = control, limit, mine, peer
        self.our_bell, self.peer_bell, self.message, self.woken = our_bell, peer_bell, None, {}
        self.tail = self.peer_head = self.written = self.needed = self.head = self.read_count = self.epoch = 0
        self.ended = self.offered = False
    def write(self, kind, id, payload, wait):
        payload = struct.pack('<Q', len(payload)) * (len(payload) > self.mine.most) + payload
        for at in range(0, len(payload) or 1, self.mine.most):
            flags = (at == 0) * FIRST | (at + self.mine.most >= len(payload)) * LAST
            self._write_record(kind | flags << 16, id, payload[at : at + self.mine.most], wait)
    def _write_record(self, kind_and_flags, id, payload, wait):
        at, size, words = DATA + self.tail % self.mine.capacity, len(payload) + 31 & ~15, self.mine.words
        padding = self.mine.end - at if at + size > self.mine.end else 0
        self.needed = padding + size
        while not self._has_room():
            wait()
        if padding:
            words[at // 8], words[at // 8 + 1], at = padding - 16 | PAD, 0, DATA
        self.mine.bytes[at + 16 : at + 16 + len(payload)] = payload
        words[at // 8], words[at // 8 + 1] = len(payload) | kind_and_flags << 32, id | self.written << 32
        self.written, self.tail = self.written + 1 & U32, self.tail + self.needed
        words[TAIL] = self.tail
        self._wake(DATA_WAKE)
    def _has_room(self):
        head = self.peer.words[HEAD]
        check(head % 16 == 0 and self.peer_head <= head <= self.tail, f'the head is {head}')
        self.peer_head = head
        return self.tail + self.needed - head <= self.mine.capacity
    def _wake(self, word):
        with FENCE:  # between our store of tail or head, and the load of the wake word
            value = self.peer.halves[word]
        if value & ARMED and self.woken.get(word) != value:
            self.woken[word] = value
            # A doorbell can be full or closed: the bytes in it suffice, or the control socket ends.
            with contextlib.suppress(BlockingIOError, ConnectionError):
                self._wake_blocked() if value & BLOCKED else self.peer_bell.send(b'\0', socket.MSG_DONTWAIT)
    def _wake_blocked(self):
        self.mine.halves[WAKE_SEQUENCE] = self.mine.halves[WAKE_SEQUENCE] + 1 & U32
        word = ctypes.c_uint32.from_buffer(self.mine.memory, WAKE_SEQUENCE * 4)
        ctypes.CDLL(None).syscall(SYS_FUTEX, ctypes.byref(word), FUTEX_WAKE, 0x7FFFFFFF, None, None, 0)
    def read(self, data, room):
        """Sleeps until there is data to read, or room. Returns the records."""
        self.epoch = self.epoch + 4 & U32
        self.mine.halves[DATA_WAKE], self.mine.halves[ROOM_WAKE] = self.epoch | data, self.epoch | room
        with FENCE:  # between our stores of the wake words, and the loads of tail and head
            ready = data and self.peer.words[TAIL] != self.head or room and self._has_room()
        readable = [] if ready or self.ended else select.select([self.control, self.our_bell], [], [])[0]
        self.mine.halves[DATA_WAKE] = self.mine.halves[ROOM_WAKE] = self.epoch
        for ready in readable:
            check(not ready.recv(4096) or ready is self.our_bell, 'a byte on the control socket')
        self.ended = self.ended or self.control in readable
        records, begin, quarter, tail = [], self.head, self.peer.capacity // 4, self.peer.words[TAIL]
        check(tail % 16 == 0 and self.head <= tail <= self.head + 4 * quarter, f'the tail is {tail}')
        check(data and self.head < tail or not self.ended, 'the peer ended without a close', ConnectionError)
        while data and self.head < tail:
            self.head += self._read_record(tail, records)
            if self.head == tail or self.head - begin >= quarter:
                self.mine.words[HEAD] = begin = self.head
                if tail - self.head <= 3 * quarter:
                    self._wake(ROOM_WAKE)
        return records
    def _read_record(self, tail, records):
        at = DATA + self.head % self.peer.capacity
        first, second = self.peer.words[at // 8], self.peer.words[at // 8 + 1]  # once: they can change
        length, kind, flags, left = first & U32, first >> 32 & 0xFFFF, first >> 48, self.peer.end - at
        if length & PAD:
            check(first == left - 16 | PAD and left <= min(self.peer.most + 15, tail - self.head), 'bad PAD')
            return left
        if not first and second == OFFER and self.peer.end < len(self.peer.bytes) and not self.offered:
            self.offered = True  # never accepted, so the ring stays small
            return 16
        check(kind and flags <= FIRST | LAST and second >> 32 == self.read_count and length <= self.peer.most
              and (length + 31 & ~15) <= min(left, tail - self.head)
              and bool(flags & FIRST) == (self.message is None), f'bad record: {first:#x}, {second:#x}')
        payload, whole, start = bytes(self.peer.bytes[at + 16 : at + 16 + length]), flags == FIRST | LAST, 0
        if flags & FIRST:
            total, start = (length, 0) if whole else (int.from_bytes(payload[:8], 'little'), 8)
            check(total <= self.limit, f'a message of {total} bytes')
            self.message = kind, second & U32, total, bytearray()
        *record, total, received = self.message
        received += payload[start:]
        check(record == [kind, second & U32] and (whole or length > start)
              and (len(received) == total if flags & LAST else len(received) < total), 'bad fragment')
        if flags & LAST:
            records.append((*record, bytes(received)))
            self.message = None
        self.read_count = self.read_count + 1 & U32
        return length + 31 & ~15
    def close(self):
        self.mine.halves[STATE] = 1
        self._wake_blocked()
        for end in self.control, self.our_bell, self.peer_bell:
            end.close()
