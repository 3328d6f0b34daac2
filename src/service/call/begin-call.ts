import { ErrorCode, ShmwireError } from '../../errors.js'
import { CallFlag, encodeCall } from '../../wire/call-records.js'
import { encodeBinary, encodeWithCodec } from './call-messages.js'
import type { CalledMethod } from './called-method.js'
import type { MetadataCallbacks } from './metadata-callbacks.js'
import { abortedCall, type CallBounds, type OutgoingCall } from './outgoing-call.js'
import type { OutgoingCalls } from './outgoing-calls.js'
import { RequestStream } from './request-stream.js'
import { SendWindow } from './send-window.js'
import { isAsyncIterable, isStream, StreamPump } from './stream-pump.js'
import { StreamSender } from './stream-sender.js'

/** The options of one call, resolved. */
export interface CallSettings extends CallBounds, MetadataCallbacks {
  /** Encoded. */
  readonly metadata: Buffer | undefined
}

/** Sends the request of a call, or begins to send its messages. Throws if the call cannot begin. */
export function beginCall(
  call: OutgoingCall,
  calls: OutgoingCalls,
  method: CalledMethod,
  request: unknown,
  settings: CallSettings,
): void {
  const { port } = calls
  const { timeoutMs, signals, metadata } = settings
  const aborted = signals.find((signal) => signal.aborted)
  if (aborted !== undefined) throw abortedCall(method.name, aborted)
  const form = method.binary === undefined ? 0 : CallFlag.BINARY
  const wireTimeoutMs = timeoutMs === Number.POSITIVE_INFINITY ? undefined : timeoutMs
  if (streamsIn(method, request)) {
    port.assertOpen()
    sendMessages(call, request)
    calls.begin(call, encodeCall(method.nameBytes, wireTimeoutMs, metadata, undefined, form))
  } else {
    const message =
      method.binary === undefined
        ? encodeWithCodec(request, (value) => port.encode(value))
        : encodeBinary(request, method)
    // Afterwards: accessors of the message run during the encoding, and may end the channel.
    port.assertOpen()
    calls.begin(call, encodeCall(method.nameBytes, wireTimeoutMs, metadata, message, CallFlag.END | form))
  }
  if (!call.over) call.watch(settings)
}

/** Whether the caller sends a stream. Throws `INVALID_ARGUMENT` if the request is none but must be one. */
export function streamsIn(
  { name, kind }: CalledMethod,
  request: unknown,
): request is AsyncIterable<unknown> | Iterable<unknown> {
  if (kind === undefined) return isAsyncIterable(request)
  if (kind === 'unary' || kind === 'serverStream') return false
  if (isStream(request)) return true
  throw new ShmwireError(ErrorCode.INVALID_ARGUMENT, `${name} takes a stream; pass an iterable of messages`)
}

function sendMessages(call: OutgoingCall, messages: AsyncIterable<unknown> | Iterable<unknown>): void {
  const window = new SendWindow()
  call.window = window
  call.pump = new StreamPump(messages, window, new StreamSender(new RequestStream(call), window))
}
