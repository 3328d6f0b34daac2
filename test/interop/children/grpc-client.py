"""Runs the cases of doc/interop-test-descriptions.md with grpcio. Prints one line of JSON for each case.

usage: grpc-client.py HOST:PORT DESCRIPTORS [CA [CERTIFICATE KEY]]
"""

import json
import queue
import sys
import traceback

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

# No call of these cases may take longer, so a failure cannot hang.
TIMEOUT_S = 20
GZIP = grpc.Compression.Gzip
IDENTITY = grpc.Compression.NoCompression
SPECIAL_MESSAGE = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n"
METADATA = (
    ("x-grpc-test-echo-initial", "test_initial_metadata_value"),
    ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab"),
)

target, descriptors, *files = sys.argv[1:]

pool = descriptor_pool.DescriptorPool()
with open(descriptors, "rb") as source:
    for file in descriptor_pb2.FileDescriptorSet.FromString(source.read()).file:
        pool.Add(file)


def message(name):
    descriptor = pool.FindMessageTypeByName(f"grpc.testing.{name}")
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(pool).GetPrototype(descriptor)


Empty = message("Empty")
SimpleRequest = message("SimpleRequest")
StreamingInputCallRequest = message("StreamingInputCallRequest")
StreamingOutputCallRequest = message("StreamingOutputCallRequest")


def read(name):
    with open(name, "rb") as source:
        return source.read()


def open_channel():
    if not files:
        return grpc.insecure_channel(target)
    ca, *own = [read(name) for name in files]
    certificate, key = own if own else (None, None)
    credentials = grpc.ssl_channel_credentials(ca, key, certificate)
    return grpc.secure_channel(target, credentials)


channel = open_channel()


class Method:
    """A method by its descriptor, without generated code."""

    def __init__(self, name):
        descriptor = pool.FindServiceByName(name.rpartition("/")[0]).FindMethodByName(name.rpartition("/")[2])
        proto = descriptor_pb2.MethodDescriptorProto()
        descriptor.CopyToProto(proto)
        kinds = {
            (False, False): channel.unary_unary,
            (False, True): channel.unary_stream,
            (True, False): channel.stream_unary,
            (True, True): channel.stream_stream,
        }
        output = message(descriptor.output_type.name)
        self.call = kinds[proto.client_streaming, proto.server_streaming](
            f"/{name}",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=output.FromString,
        )

    def __call__(self, request, timeout=TIMEOUT_S, **options):
        return self.call(request, timeout=timeout, **options)

    def with_call(self, request, **options):
        return self.call.with_call(request, timeout=TIMEOUT_S, **options)

    def future(self, request, **options):
        return self.call.future(request, timeout=TIMEOUT_S, **options)


SERVICE = "grpc.testing.TestService"
empty_call = Method(f"{SERVICE}/EmptyCall")
unary_call = Method(f"{SERVICE}/UnaryCall")
streaming_output_call = Method(f"{SERVICE}/StreamingOutputCall")
streaming_input_call = Method(f"{SERVICE}/StreamingInputCall")
full_duplex_call = Method(f"{SERVICE}/FullDuplexCall")
half_duplex_call = Method(f"{SERVICE}/HalfDuplexCall")
unimplemented_call = Method(f"{SERVICE}/UnimplementedCall")
unimplemented_service_call = Method("grpc.testing.UnimplementedService/UnimplementedCall")


def equal(actual, expected):
    if actual != expected:
        raise AssertionError(f"{actual!r}, expected {expected!r}")


def zeros(payload, size):
    equal(payload.type, 0)
    equal(len(payload.body), size)
    equal(payload.body, bytes(size))


def fails(code, call, details=None):
    try:
        call()
    except grpc.RpcError as error:
        equal(error.code(), code)
        if details is not None:
            equal(error.details(), details)
        return
    raise AssertionError(f"the call succeeded, expected {code}")


def large_request(**fields):
    return SimpleRequest(response_size=314159, payload={"body": bytes(271828)}, **fields)


def duplex_request(request_size, *response_sizes, **fields):
    return StreamingOutputCallRequest(
        response_parameters=[{"size": size} for size in response_sizes],
        payload={"body": bytes(request_size)},
        **fields,
    )


def input_requests(*sizes):
    return (StreamingInputCallRequest(payload={"body": bytes(size)}) for size in sizes)


class Requests:
    """An iterator whose requests are added during the call."""

    def __init__(self):
        self.items = queue.Queue()

    def send(self, request):
        self.items.put(request)

    def close(self):
        self.items.put(None)

    def __iter__(self):
        return iter(self.items.get, None)


PING_PONG = [(27182, 31415), (8, 9), (1828, 2653), (45904, 58979)]


def empty_unary():
    equal(empty_call(Empty()), Empty())


def large_unary():
    zeros(unary_call(large_request()).payload, 314159)


def client_compressed_unary():
    compressed = large_request(expect_compressed={"value": True})
    fails(
        grpc.StatusCode.INVALID_ARGUMENT,
        lambda: unary_call(compressed, compression=IDENTITY),
    )
    zeros(unary_call(compressed, compression=GZIP).payload, 314159)
    plain = large_request(expect_compressed={"value": False})
    zeros(unary_call(plain, compression=IDENTITY).payload, 314159)


def client_streaming():
    reply = streaming_input_call(input_requests(27182, 8, 1828, 45904))
    equal(reply.aggregated_payload_size, 74922)


def server_streaming():
    sizes = [31415, 9, 2653, 58979]
    replies = list(streaming_output_call(duplex_request(0, *sizes)))
    equal(len(replies), len(sizes))
    for reply, size in zip(replies, sizes):
        zeros(reply.payload, size)


def ping_pong():
    requests = Requests()
    call = full_duplex_call(iter(requests))
    for request_size, response_size in PING_PONG:
        requests.send(duplex_request(request_size, response_size))
        zeros(next(call).payload, response_size)
    requests.close()
    equal(list(call), [])
    equal(call.code(), grpc.StatusCode.OK)


def empty_stream():
    call = full_duplex_call(iter(()))
    equal(list(call), [])
    equal(call.code(), grpc.StatusCode.OK)


def custom_metadata():
    def check(call):
        equal(dict(call.initial_metadata()).get(METADATA[0][0]), METADATA[0][1])
        equal(dict(call.trailing_metadata()).get(METADATA[1][0]), METADATA[1][1])

    reply, call = unary_call.with_call(large_request(), metadata=METADATA)
    zeros(reply.payload, 314159)
    check(call)
    duplex = full_duplex_call(iter([duplex_request(271828, 314159)]), metadata=METADATA)
    for reply in duplex:
        zeros(reply.payload, 314159)
    check(duplex)


def fails_with_message(text):
    status = {"code": 2, "message": text}
    fails(
        grpc.StatusCode.UNKNOWN,
        lambda: unary_call(SimpleRequest(response_status=status)),
        text,
    )
    request = StreamingOutputCallRequest(response_status=status)
    fails(grpc.StatusCode.UNKNOWN, lambda: list(full_duplex_call(iter([request]))), text)


def status_code_and_message():
    fails_with_message("test status message")


def special_status_message():
    fails_with_message(SPECIAL_MESSAGE)


def unimplemented_method():
    fails(grpc.StatusCode.UNIMPLEMENTED, lambda: unimplemented_call(Empty()))


def unimplemented_service():
    fails(grpc.StatusCode.UNIMPLEMENTED, lambda: unimplemented_service_call(Empty()))


def cancel_after_begin():
    requests = Requests()
    call = streaming_input_call.future(iter(requests))
    call.cancel()
    equal(call.cancelled(), True)
    equal(call.code(), grpc.StatusCode.CANCELLED)
    requests.close()


def cancel_after_first_response():
    requests = Requests()
    call = full_duplex_call(iter(requests))
    requests.send(duplex_request(27182, 31415))
    zeros(next(call).payload, 31415)
    call.cancel()
    fails(grpc.StatusCode.CANCELLED, lambda: next(call))
    requests.close()


def timeout_on_sleeping_server():
    requests = Requests()
    requests.send(duplex_request(27182))
    fails(
        grpc.StatusCode.DEADLINE_EXCEEDED,
        lambda: list(full_duplex_call(iter(requests), timeout=0.001)),
    )
    requests.close()


def half_duplex():
    replies = list(half_duplex_call(duplex_request(8, size) for size in (31415, 9)))
    equal([len(reply.payload.body) for reply in replies], [31415, 9])


CASES = [
    empty_unary,
    large_unary,
    client_compressed_unary,
    client_streaming,
    server_streaming,
    ping_pong,
    empty_stream,
    custom_metadata,
    status_code_and_message,
    special_status_message,
    unimplemented_method,
    unimplemented_service,
    cancel_after_begin,
    cancel_after_first_response,
    timeout_on_sleeping_server,
    half_duplex,
]

for case in CASES:
    failure = None
    try:
        case()
    except Exception:  # Each line reports one case; the others still run.
        failure = traceback.format_exc()
    print(json.dumps({"name": case.__name__, "failure": failure}), flush=True)
channel.close()
