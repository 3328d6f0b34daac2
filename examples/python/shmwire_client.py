"""A client of shmwire, written from docs/protocol.md and docs/memory-layout.md alone."""

import json, os, platform, re, select, socket, stat, struct, tempfile

from shmwire_ring import RingPlane, check, create_segment, map_segment

FRAME = struct.Struct('<IHHI')
HELLO, OFFER, REJECT, HANDLES, _, _, READY, SOCKET = range(256, 264)
MESSAGE, REQUEST, REPLY, ERROR, CANCEL, CLOSE, CODEC, HEARTBEAT, END = range(1, 10)
MOST = 4096  # open requests, and messages that wait for the program
CODECS = {'bytes': (bytes, bytes), 'json': (lambda value: json.dumps(value).encode(),
                                            lambda payload: json.loads(payload.decode()))}
ABORTED = b'{"name":"ShmwireError","code":"ERR_SHMWIRE_ABORTED","message":"cancelled"}'


def socket_path(name):
    check(re.fullmatch(r'\w[\w.-]{0,63}', name, re.ASCII), f'{name} is not a name', ValueError)
    runtime, directory = os.environ.get('XDG_RUNTIME_DIR', ''), os.environ.get('SHMWIRE_DIR')
    directory = directory or (f'{runtime}/shmwire' if runtime.startswith('/')
                              else f'{tempfile.gettempdir()}/shmwire-{os.geteuid()}')
    info = os.lstat(directory)
    check(stat.S_ISDIR(info.st_mode) and info.st_uid == os.geteuid() and not info.st_mode & 0o022,
          f'{directory} belongs to another user, or others can write to it', PermissionError)
    return f'{directory}/{name}.sock'


def connect(name, transport='auto', codec='json', max_message_bytes=1 << 26, ring_bytes=1 << 20):
    """Returns a channel to the server with this name."""
    control, path = socket.socket(socket.AF_UNIX), socket_path(name)
    control.connect(path)
    control.sendall(b'SHMW\1\0\0\0')
    plane = SocketPlane(control, 0x10000)
    plane.send(HELLO, features=[], codec=codec, maxMessageBytes=max_message_bytes, ringBytes=ring_bytes,
               pid=os.getpid(), transport=transport,
               shm=platform.machine() == 'x86_64' or 'Python cannot order its stores on this processor')
    check(control.recv(8, socket.MSG_WAITALL)[:5] == b'SHMW\1', 'the server has another version')
    offer = plane.receive(OFFER)
    check(offer['codec'] == codec and transport in ('auto', offer['transport']), f'the offer is {offer}')
    rings, answer = None, (READY, {})
    try:
        if offer['transport'] == 'shm':
            rings = hand_over(plane, f'{path}.fd', offer['token'], ring_bytes)
    except OSError as error:
        check(offer.get('mayFallBack', True), f'no shared memory: {error}')
        answer = SOCKET, {'reason': str(error)}
    plane.send(answer[0], **answer[1])
    plane.limit = min(max_message_bytes, offer['maxMessageBytes'])
    control.setblocking(False)
    return Channel(RingPlane(control, plane.limit, *rings) if rings else plane, *CODECS[codec])


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
        self.control, self.limit, self.buffer = control, limit, b''

    def send(self, kind, **message):
        self.write(kind, 0, json.dumps(message).encode(), None)

    def receive(self, *kinds):
        while not (frames := self.read(data=True, room=False)):
            pass
        message = json.loads(frames[0][2])
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
        """Sleeps until there is something to read, or room. Returns the records."""
        if select.select([self.control] * data, [self.control] * room, [])[0]:
            received = self.control.recv(0x40000)
            check(received, 'the peer has ended without a close', ConnectionError)
            self.buffer += received
        records, at, end = [], 0, 0
        while len(self.buffer) >= at + FRAME.size:
            length, kind, flags, id = FRAME.unpack_from(self.buffer, at)
            check(flags == 0 and length <= self.limit, f'a frame of kind {kind} has {length} bytes')
            end = at + FRAME.size + length
            if len(self.buffer) < end:
                break
            records.append((kind, id, self.buffer[at + FRAME.size : end]))
            at = end
        self.buffer = self.buffer[at:]
        return records

    def close(self):
        self.control.close()


class Channel:
    """Iterate over it for the messages of the peer. `on_request` returns the reply to a request."""

    def __init__(self, plane, encode, decode):
        self.plane, self.encode, self.decode, self.on_request = plane, encode, decode, None
        self.messages, self.requests, self.replies, self.last_id = [], {}, {}, 0
        self.closed = self.peer_closed = self.peer_ended = False

    def send(self, value):
        self._write(MESSAGE, 0, self.encode(value))

    def request(self, value):
        self.last_id = id = self.last_id + 1
        self.replies[id] = None
        self._write(REQUEST, id, self.encode(value))
        while self.replies[id] is None:
            self._step()
        kind, payload = self.replies.pop(id)
        check(kind == REPLY, payload.decode())
        return self.decode(payload)

    def __iter__(self):
        while self.messages or not self.peer_ended:
            if self.messages:
                yield self.decode(self.messages.pop(0))
            else:
                self._step()

    def close(self):
        while self.requests:
            self._write(ERROR, self.requests.popitem()[0], b'{"closing":true}')
        if not self.closed:
            self._write(CLOSE)
        while not self.peer_closed:
            self._progress()

    def _write(self, kind, id=0, payload=b''):
        check(not self.closed, 'the channel is closed', ConnectionError)
        check(len(payload) <= self.plane.limit, f'the message has {len(payload)} bytes', ValueError)
        self.closed = kind == CLOSE
        self.plane.write(kind, id, payload, lambda: self._progress(room=True))
        self._finish()

    def _finish(self):
        """Answers a CLOSE with one, and ends a channel that both sides have closed."""
        if self.peer_closed and not self.closed:
            self._write(CLOSE)
        elif self.peer_closed:
            self.plane.close()

    def _step(self):
        """Answers one request, or waits for records."""
        check(not self.peer_closed, 'the peer has closed the channel', ConnectionError)
        if not self.requests:
            return self._progress()
        id, payload = next(iter(self.requests.items()))
        answer = ERROR, b'{"noHandler":true}' if payload is not None else ABORTED
        try:
            if payload is not None and self.on_request:
                answer = REPLY, self.encode(self.on_request(self.decode(payload)))
        except Exception as error:
            answer = ERROR, json.dumps({'name': type(error).__name__, 'message': str(error)}).encode()
        del self.requests[id]
        self._write(answer[0], id, answer[1])

    def _progress(self, room=False):
        """Reads what is there, or sleeps until there is something to read, or room."""
        full = len(self.messages) >= MOST and not self.closed
        check(room or not full, 'receive the messages that wait first')
        for record in self.plane.read(not full, room):
            self._accept(*record)
        if not room:
            self._finish()

    def _accept(self, kind, id, payload):
        correct = not self.peer_closed and (kind in (MESSAGE, REQUEST, REPLY, ERROR) or not payload)
        if kind == MESSAGE:
            correct &= not self.peer_ended
            self.messages.append(payload)
        elif kind == REQUEST:
            correct &= id > 0 and id not in self.requests and len(self.requests) < MOST
            self.requests[id] = payload
        elif kind in (REPLY, ERROR):
            correct &= id in self.replies and self.replies[id] is None
            self.replies[id] = kind, payload
        elif kind == CANCEL:
            self.requests.update({id: None} if id in self.requests else {})
        elif kind in (CLOSE, END):
            correct &= kind == CLOSE or not self.peer_ended
            self.peer_ended, self.peer_closed = True, kind == CLOSE
        else:
            correct = kind == HEARTBEAT and not payload
        check(correct, f'a record of kind {kind} with the id {id} and {len(payload)} bytes')
