/**
 * The names of the semantic conventions of OpenTelemetry that this package uses, as of version 1.45: docs/otel.md lists them. Those of
 * messaging are not stable yet.
 */
export const ERROR_TYPE = 'error.type'
export const OTHER = '_OTHER'

export const SERVER_ADDRESS = 'server.address'
export const SERVER_PORT = 'server.port'
export const CLIENT_ADDRESS = 'client.address'
export const NETWORK_TRANSPORT = 'network.transport'
export const NETWORK_PEER_ADDRESS = 'network.peer.address'

export const RPC_SYSTEM_NAME = 'rpc.system.name'
export const RPC_METHOD = 'rpc.method'
export const RPC_STATUS_CODE = 'rpc.status_code'

export const MESSAGING_SYSTEM = 'messaging.system'
export const MESSAGING_OPERATION_NAME = 'messaging.operation.name'
export const MESSAGING_OPERATION_TYPE = 'messaging.operation.type'
export const MESSAGING_DESTINATION_NAME = 'messaging.destination.name'
export const MESSAGING_MESSAGE_ID = 'messaging.message.id'
export const MESSAGING_MESSAGE_BODY_SIZE = 'messaging.message.body.size'

export const HTTP_REQUEST_METHOD = 'http.request.method'
export const HTTP_REQUEST_METHOD_ORIGINAL = 'http.request.method_original'
export const HTTP_RESPONSE_STATUS_CODE = 'http.response.status_code'
export const HTTP_ROUTE = 'http.route'
export const URL_PATH = 'url.path'
export const URL_SCHEME = 'url.scheme'

/** Of this package: the number of the attempt of a job, from 1. */
export const QUEUE_ATTEMPT = 'shmwire.queue.attempt'
/** Of this package: `push` found a job with the same id. */
export const QUEUE_DUPLICATE = 'shmwire.queue.duplicate'
/** Of this package: `tryPublish` found no room. */
export const TOPIC_NO_ROOM = 'shmwire.topic.no_room'
/** Of this package: the event of a new channel that does not use shared memory, and its reason. */
export const FALLBACK_EVENT = 'shmwire.channel.fallback'
export const FALLBACK_REASON = 'shmwire.channel.fallback_reason'

/** `rpc.system.name` and `messaging.system` of this package. */
export const SHMWIRE = 'shmwire'
export const GRPC = 'grpc'
