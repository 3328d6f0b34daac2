"""A client of shmwire, written from docs/protocol.md and docs/memory-layout.md alone."""
import json, os, platform, re, select, socket, stat, struct, tempfile
from shmwire_ring import RingPlane, check, create_segment, map_segment

FRAME = struct.Struct('<IHHI')
HELLO, OFFER, REJECT, HANDLES, _, _, READY, SOCKET = range(256, 264)
MESSAGE, REQUEST, REPLY, ERROR, CANCEL, CLOSE, _, HEARTBEAT, END = range(1, 10)
MOST = 4096  # open requests, and messages that wait for the program
CODECS = {'bytes': (bytes,) * 2, 'json': (lambda v: json.dumps(v).encode(), lambda p: json.loads(p.decode()))}

def socket_path(name):
    check(re.fullmatch(r'\w[\w.-]{0,63}', name, re.ASCII), f'{name} is not a name', ValueError)
    runtime, user = os.environ.get('XDG_RUNTIME_DIR', ''), os.geteuid()
    directory = os.environ.get('SHMWIRE_DIR') or (
        f'{runtime}/shmwire' if runtime.startswith('/') else f'{tempfile.gettempdir()}/shmwire-{user}')
    info = os.lstat(directory)
    check(info.st_mode & 0o170022 == stat.S_IFDIR and info.st_uid == user, directory, PermissionError)
    return f'{directory}/{name}.sock'

def connect(name, transport='auto', codec='json', max_message_bytes=1 << 26, ring_bytes=1 << 20):
    """Returns a channel to the server with this name."""
    control, path = socket.socket(socket.AF_UNIX), socket_path(name)
    plane = SocketPlane(control, 0x10000)
    control.connect(path)
    control.sendall(b'SHMW\1\0\0\0')
    plane.send(HELLO, features=[], codec=codec, maxMessageBytes=max_message_bytes, ringBytes=ring_bytes,
               pid=os.getpid(), transport=transport,
               shm=platform.machine() == 'x86_64' or 'Python cannot order its stores on this processor')
    check(control.recv(8, socket.MSG_WAITALL)[:5] == b'SHMW\1', 'the server has another version')
    offer = plane.receive(OFFER)
    check(offer['codec'] == codec and transport in ('auto', offer['transport']), f'the offer is {offer}')
    shared = offer['transport'] == 'shm' and hand_over(plane, f'{path}.fd', offer['token'], ring_bytes)
    plane.send(READY)
    plane.limit = min(max_message_bytes, offer['maxMessageBytes'])
    control.setblocking(False)
    return Channel(RingPlane(control, plane.limit, *shared) if shared else plane, *CODECS[codec])

def hand_over(plane, path, token, ring_bytes):
    """Exchanges segments and doorbells with the server. Returns them unless the server cannot."""
    (mine, fd), (our_bell, their_end) = create_segment(ring_bytes), socket.socketpair()
    our_bell.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as handover, their_end, open(fd, 'rb'):
        handover.connect(path)
        socket.send_fds(handover, [bytes.fromhex(token)], [fd, their_end.fileno()], socket.MSG_DONTWAIT)
    plane.send(HANDLES)
    if 'reason' in plane.receive(READY, SOCKET):
        return None
    ancillary = {kind: data for _, kind, data in our_bell.recvmsg(1, 256, socket.MSG_DONTWAIT)[1]}
    fd, bell = struct.unpack('2i', ancillary[socket.SCM_RIGHTS])
    with open(fd, 'rb'):
        server = plane.control.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        check(ancillary[socket.SCM_CREDENTIALS][:4] == server[:4], 'another process sent the memory')
        return mine, map_segment(fd), our_bell, socket.socket(fileno=bell)

class SocketPlane:
    """Frames: those of the handshake, and the records of the socket data plane."""
    def __init__(self, control, limit):
        self.control, self.limit, self.buffer, self.held, self.close = control, limit, b'', [], control.close
    def send(self, kind, **message):
        self.write(kind, 0, json.dumps(message).encode(), None)
    def receive(self, *kinds):
        while not (frames := self.read(data=True, room=False)):
            pass
        message, self.held = json.loads(frames[0][2]), frames[1:]  # records can arrive with the last frame
        check(frames[0][0] in kinds, message.get('message', f'the server sent {frames[0]}'))
        return message
    def write(self, kind, id, payload, wait):
        rest = memoryview(FRAME.pack(len(payload), kind, 0, id) + payload)
        while rest:
            try:
                rest = rest[self.control.send(rest) :]
            except BlockingIOError:
                wait()
    def read(self, data, room):
        """Sleeps until there is data to read, or room. Returns the records."""
        records, at, self.held = self.held, 0, []
        if not records and select.select([self.control] * data, [self.control] * room, [])[0]:
            received = self.control.recv(0x40000)
            check(received, 'the peer ended without a close', ConnectionError)
            self.buffer += received
        while at + FRAME.size <= len(self.buffer):
            length, kind, flags, id = FRAME.unpack_from(self.buffer, at)
            check(flags == 0 and length <= self.limit, f'a frame of kind {kind} has {length} bytes')
            if at + FRAME.size + length > len(self.buffer):
                break
            at += FRAME.size + length
            records.append((kind, id, self.buffer[at - length : at]))
        self.buffer = self.buffer[at:]
        return records

class Channel:
    """`on_message` gets the messages of the peer. The value of `on_request` is the reply."""
    def __init__(self, plane, encode, decode):
        self.plane, self.encode, self.decode = plane, encode, decode
        self.received, self.open, self.replies, self.last_id, self.closed = [], set(), {}, 0, False
        self.peer_closed = self.peer_ended = self.on_message = self.on_request = None
    def send(self, value):
        self._write(MESSAGE, 0, self.encode(value))
    def request(self, value):
        self.last_id = id = self.last_id + 1
        self.replies[id] = None
        self._write(REQUEST, id, self.encode(value))
        while self.replies[id] is None:
            check(not self.peer_closed, 'the peer has closed the channel', ConnectionError)
            self._step()
        kind, payload = self.replies.pop(id)
        check(kind == REPLY, payload)
        return self.decode(payload)
    def run(self):  # until the peer closes the channel
        while self.received or not self.peer_closed:
            self._step()
        self.plane.close()
    def close(self):
        while self.received:
            self._step()
        if not self.closed:
            self._write(CLOSE)
        self.run()
    def _step(self):
        if not self.received:
            return self._read()
        kind, id, payload = self.received.pop(0)
        if kind == MESSAGE:
            self.on_message(self.decode(payload))
        elif not self.closed:
            try:
                reply = REPLY, id, self.encode(self.on_request(self.decode(payload)))
            except Exception as error:
                text = {'name': type(error).__name__, 'message': str(error)}
                reply = ERROR, id, json.dumps(text if self.on_request else {'noHandler': True}).encode()
            self.open.remove(id)
            self._write(*reply)
    def _write(self, kind, id=0, payload=b''):
        check(not self.closed, 'the channel is closed', ConnectionError)
        check(len(payload) <= self.plane.limit, f'the message has {len(payload)} bytes', ValueError)
        self.closed = kind == CLOSE
        self.plane.write(kind, id, payload, lambda: self._read(room=True))
        if self.peer_closed and not self.closed:
            self._write(CLOSE)
    def _read(self, room=False):
        for record in self.plane.read(len(self.received) < MOST or self.closed, room):
            self._accept(*record)
        if self.peer_closed and not self.closed and not room:
            self._write(CLOSE)
    def _accept(self, kind, id, payload):
        answers = self.replies.get(id, 0) is None
        check(not self.peer_closed and {
            MESSAGE: not self.peer_ended, REQUEST: id and id not in self.open and len(self.open) < MOST,
            REPLY: answers, ERROR: answers, CANCEL: not payload, CLOSE: not payload,
            HEARTBEAT: not payload, END: not payload and not self.peer_ended,
        }.get(kind), f'a record of kind {kind} with the id {id} and {len(payload)} bytes')
        if kind in (MESSAGE, REQUEST):
            self.received.append((kind, id, payload))
            self.open |= {id} if kind == REQUEST else set()
        elif kind in (REPLY, ERROR):
            self.replies[id] = kind, payload
        elif kind in (CLOSE, END):  # a CANCEL comes too late for a handler that has ended
            self.peer_ended, self.peer_closed = True, kind == CLOSE
