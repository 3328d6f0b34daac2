import { beforeEach, expect, it } from 'vitest'
import { RecordKind } from '../../../src/wire/record-kind.js'
import { endOver, hideDescriptor, type SocketEnd } from '../../support/socket-ends.js'
import { socketPair } from '../../support/socket-pair.js'
import { eventually, turn, turns } from '../../support/turns.js'

const CAPACITY_BYTES = 64 * 1024
const BOUNDS = { maxMessageBytes: 1024 * 1024, capacityBytes: CAPACITY_BYTES }

let left: SocketEnd
let right: SocketEnd

beforeEach(async () => {
  const { client, server } = await socketPair()
  left = endOver(client, BOUNDS)
  right = endOver(server, BOUNDS)
})

const write = ({ link }: SocketEnd, id: number, bytes: number): number =>
  link.write(RecordKind.REQUEST, id, Buffer.alloc(bytes), 0)

it.each(['EPIPE', 'ENOBUFS'])(
  'ends with PEER_GONE after a write that failed (%s), and delivers what the peer had sent, although it lives and sends no end',
  async (code) => {
    right.sink.wants = false
    for (let id = 1; id <= 100; id += 1) expect(write(left, id, 100)).toBe(100)
    await turns(3)
    // The kernel refuses all writes.
    const handle = hideDescriptor(right.socket)
    handle['writeBuffer'] = handle['writev'] = () => -(code === 'EPIPE' ? 32 : 105)
    expect(write(right, 1, 10)).toBe(10)
    await eventually(() => right.sink.ends.length > 0)
    expect(right.sink.ends).toEqual(['ERR_SHMWIRE_PEER_GONE'])
    expect(right.sink.records).toEqual(Array.from({ length: 100 }, (_, index) => index + 1))
    await eventually(() => left.sink.ends.length > 0)
    expect(left.sink.ends).toEqual(['ERR_SHMWIRE_PEER_GONE'])
  },
)

it('joins the small records of an unreferenced side that wait for the kernel', async () => {
  right.sink.wants = false
  left.link.unref()
  let id = 1
  for (; write(left, id, 60_000) >= 0; id += 1) await turn()
  right.sink.wants = true
  right.link.resume()
  await eventually(() => left.sink.drains > 0)
  right.sink.wants = false
  // Fill the kernel again, then one small record in each turn.
  let accepted = id - 1
  while (write(left, accepted + 1, 20_000) >= 0) {
    accepted += 1
    await turn()
    if (left.link.stats().depthBytes > CAPACITY_BYTES / 4) break
  }
  for (let count = 0; count < 500 && write(left, accepted + 1, 8) >= 0; count += 1) {
    accepted += 1
    await turn()
  }
  right.sink.wants = true
  right.link.resume()
  await eventually(() => right.sink.records.length === accepted)
  expect(right.sink.records).toEqual(Array.from({ length: accepted }, (_, index) => index + 1))
})
