"""Runs a scenario of python-client.test.ts with the client of examples/python."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / 'examples/python'))
from shmwire_client import connect  # noqa: E402
from shmwire_ring import ShmwireError  # noqa: E402

SIZES = [0, 1, 15, 16, 17, 8174, 8175, 8176, 8177, 65536, 300_000, 3_000_000]


def data(size):
    return bytes(index % 251 for index in range(size)) if size < 1000 else bytes(range(250)) * (size // 250)


def print_line(*values):
    print(*values, flush=True)


def serve(channel):
    """Sends each message back, and answers each request, until the server ends."""
    count = 0

    def on_message(message):
        nonlocal count
        count += 1
        channel.send(message)

    def on_request(request):
        if request == 'refuse':
            raise ValueError('the handler refuses')
        return request

    channel.on_message, channel.on_request = on_message, on_request
    try:
        channel.run()
        print_line('closed')
    except ConnectionError as error:
        print_line(f'{count} messages, then: {error}')


def drive(channel):
    """Sends requests and messages of every length, and compares what returns."""
    received = []
    channel.on_message = received.append
    for size in SIZES:
        assert channel.request(data(size)) == data(size), size
        channel.send(data(size))
    for index in range(5000):
        channel.send(bytes([index % 251]) * (index % 300))
    expected = [data(size) for size in SIZES] + [bytes([i % 251]) * (i % 300) for i in range(5000)]
    while len(received) < len(expected):  # the server can answer a close before it has sent them
        assert channel.request(b'') == b''
    assert received == expected
    channel.close()
    print_line('the same')


def ask(channel):
    """Prints the replies of the server, one of which is an error."""
    print_line(channel.request({'texts': ['ä', '😀'], 'number': 1.5, 'nothing': None}))
    try:
        channel.request('refuse')
    except ShmwireError as error:
        print_line(error.args[0].decode())
    channel.close()


def fill(channel):
    """Sends 16 MB, more than any buffer takes."""
    print_line('sending')
    for index in range(1000):
        channel.send(bytes([index % 251]) * 16_000)
    print_line('sent')
    channel.close()


def wait(channel):
    """Reads nothing until there is a line in stdin."""
    count = 0

    def on_message(message):
        nonlocal count
        assert message == bytes([count % 251]) * 16_000
        count += 1

    channel.on_message = on_message
    print_line('waiting')
    sys.stdin.readline()
    channel.run()
    print_line(count, 'offered' if getattr(channel.plane, 'offered', False) else 'not offered')


def pause(channel):
    """Sends ten messages, and then does nothing until it is killed."""
    for index in range(10):
        channel.send(bytes([index]))
    print_line('sent')
    sys.stdin.readline()


scenario, name, transport, codec, ring_bytes = sys.argv[1:]
channel = connect(name, transport, codec, ring_bytes=int(ring_bytes))
print_line(type(channel.plane).__name__)
globals()[scenario](channel)
