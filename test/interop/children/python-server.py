"""A server for the socket data plane, after sections 2 and 7 of docs/protocol.md. It serves one client after the other."""

import json
import os
import pathlib
import re
import secrets
import socket
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / 'examples/python'))
from shmwire_client import CODECS, HELLO, OFFER, READY, REJECT, Channel, SocketPlane, socket_path  # noqa: E402


def is_alive(path):
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
            return True
        except (ConnectionRefusedError, FileNotFoundError):
            return False


def leases(path):
    """The numbers of the leases of this address."""
    folder, name = os.path.split(path)
    found = (re.fullmatch(re.escape(name) + r'\.([1-9]\d{0,11}|0)', file) for file in os.listdir(folder))
    return sorted(int(match[1]) for match in found if match)


def listen(path):
    """Takes the address as in section 2. Fails instead of waiting if another server wants it too."""
    listener, temporary = socket.socket(socket.AF_UNIX), f'{path}.{secrets.token_hex(6)}~'
    listener.bind(temporary)
    listener.listen()
    dead = leases(path)
    if is_alive(path) or any(is_alive(f'{path}.{number}') for number in dead):
        os.unlink(temporary)
        raise SystemExit('the address is in use')
    own = max(dead, default=0) + 1
    os.link(temporary, f'{path}.{own}')
    os.unlink(temporary)
    if leases(path) != [*dead, own]:
        raise SystemExit('another server wants the address')
    for number in dead:
        os.unlink(f'{path}.{number}')
    published = f'{path}.{secrets.token_hex(6)}~'
    os.link(f'{path}.{own}', published)
    os.rename(published, path)
    return listener


def accept(listener, codec):
    """Returns the channel of the next client; None if it only checked that a server listens, or is refused."""
    control, _ = listener.accept()
    _, user, _ = struct.unpack('3i', control.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    preamble = control.recv(8, socket.MSG_WAITALL)
    if user != os.geteuid() or preamble[:5] != b'SHMW\1':
        control.close()
        return None
    control.sendall(b'SHMW\1\0\0\0')
    plane = SocketPlane(control, 0x10000)
    hello = plane.receive(HELLO)
    if hello['codec'] != codec or hello['transport'] == 'shm':
        plane.send(REJECT, code='ERR_SHMWIRE_INVALID_ARGUMENT', message=f'it has {codec} over the socket')
        return None
    plane.send(OFFER, features=[], codec=codec, maxMessageBytes=1 << 22, ringBytes=1 << 16, pid=os.getpid(),
               transport='socket', reason='this server has no shared memory')
    plane.receive(READY)
    plane.limit = min(1 << 22, hello['maxMessageBytes'])
    control.setblocking(False)
    return Channel(plane, *CODECS[codec])


def serve(channel):
    """Sends messages back, and answers `ask` with the reply of the client to a request of its own."""
    channel.on_message = channel.send
    channel.on_request = lambda request: channel.request(b'what?') if request == b'ask' else request
    try:
        channel.run()
        print('closed', flush=True)
    except ConnectionError as error:
        print(error, flush=True)


listener = listen(socket_path(sys.argv[1]))
print('ready', flush=True)
while True:
    accepted = accept(listener, 'bytes')
    if accepted is not None:
        serve(accepted)
