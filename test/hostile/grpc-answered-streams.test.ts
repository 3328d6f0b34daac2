// Calls whose answer comes before their client has ended its side.
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { openGateway } from '../support/grpc-gateways.js'
import {
  Flag,
  Frame,
  frame,
  messagePrefix,
  openCall,
  RawHttp2Client,
  uint32,
} from '../support/http2-frames.js'
import { waitFor } from '../support/wait-for.js'

const UPLOAD = '/user.UserService/Upload'
const NO_ERROR = 0
const CANCEL = 8
/** Resets after which a client gets another connection. */
const RESETS_MAX = 500
/** More than the limit of nghttp2 for resets. */
const CALLS = 2_000

async function openClient(): Promise<RawHttp2Client> {
  const { gateway } = await openGateway({})
  return RawHttp2Client.open(gateway.port)
}

/** The announced message is too long, which ends the call. */
function sendRefusedCall(raw: RawHttp2Client, stream: number): void {
  raw.send(openCall(stream, UPLOAD), frame(Frame.DATA, Flag.NONE, stream, messagePrefix(2 ** 32 - 1)))
}

/** Makes calls that are refused, and ends each with the frame of `endOf`. Resolves to the number of answers before the connection ended. */
async function refusedCalls(raw: RawHttp2Client, endOf: (stream: number) => Buffer): Promise<number> {
  for (let answers = 0; answers < CALLS; answers += 1) {
    const stream = 1 + 2 * answers
    sendRefusedCall(raw, stream)
    while (raw.of(Frame.HEADERS).length === answers) {
      if (raw.isClosed) return answers
      await nextTurn()
    }
    raw.send(endOf(stream))
  }
  return CALLS
}

it.each([
  ['NO_ERROR', NO_ERROR],
  ['CANCEL', CANCEL],
])('a client that resets answered streams with %s gets another connection', async (_name, code) => {
  const raw = await openClient()
  const answers = await refusedCalls(raw, (stream) =>
    frame(Frame.RST_STREAM, Flag.NONE, stream, uint32(code)),
  )
  await raw.closed
  expect(answers).toBeGreaterThan(RESETS_MAX)
  const codes = raw.of(Frame.GOAWAY).map(({ payload }) => payload.readUInt32BE(4))
  expect(new Set(codes)).toEqual(new Set([NO_ERROR]))
})

it('a client that ends answered streams keeps its connection', async () => {
  const raw = await openClient()
  const answers = await refusedCalls(raw, (stream) => frame(Frame.DATA, Flag.END_STREAM, stream))
  expect(answers).toBe(CALLS)
  expect(raw.of(Frame.GOAWAY)).toEqual([])
})

it('a stream is not reset if its client ends it after the answer', async () => {
  const raw = await openClient()
  sendRefusedCall(raw, 1)
  await waitFor(() => expect(raw.of(Frame.HEADERS)).toHaveLength(1))
  await sleep(100)
  raw.send(frame(Frame.DATA, Flag.END_STREAM, 1))
  await sleep(1_500)
  expect(raw.of(Frame.RST_STREAM)).toEqual([])
})
