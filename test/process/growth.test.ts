import { readFileSync } from 'node:fs'
import { beforeAll, beforeEach, expect, it } from 'vitest'
import { type Channel, connect, listen } from '../../src/index.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'

const RING_BYTES = 1024 * 1024
/** More than an eighth of a ring that has not grown, and at most an eighth of one that has. */
const CLAIM_BYTES = 100_000
const MESSAGE_BYTES = 6000
const MESSAGES = 300

beforeAll(() => ensureBuilt())
beforeEach(() => {
  ownRuntimeDirectory()
})

function claimsInRing(channel: Channel): boolean {
  const claim = channel.claim(CLAIM_BYTES)
  const isInRing = claim?.bytes.buffer.byteLength === RING_BYTES
  claim?.abort()
  return isInRing
}

async function peerClaimsInRing(channel: Channel): Promise<boolean> {
  const reply = await channel.request<Uint8Array>(Buffer.from(String(CLAIM_BYTES)))
  return reply[0] === 1
}

// On Windows, a ring has its full size from the start.
it.skipIf(process.platform === 'win32')(
  'grows both rings of a channel between two processes when messages wait for room',
  async () => {
    const server = new Child('growing-server', { args: ['grows', RING_BYTES], ipc: true })
    expect(await server.next()).toBe('listening')
    const channel = await connect('grows', { transport: 'shm', codec: 'bytes', ringBytes: RING_BYTES })
    expect(claimsInRing(channel)).toBe(false)
    expect(await peerClaimsInRing(channel)).toBe(false)
    const received: Uint8Array[] = []
    const all = new Promise<void>((resolve) => {
      channel.on('message', (value) => {
        received.push(value as Uint8Array)
        if (received.length % MESSAGES === 0) resolve()
      })
    })
    const sent = Array.from({ length: MESSAGES }, (_, index) => new Uint8Array(MESSAGE_BYTES).fill(index))
    await Promise.all(sent.map((message) => channel.send(message)))
    await all
    for (const [index, message] of sent.entries())
      expect(Buffer.compare(message, received[index] as Uint8Array)).toBe(0)
    expect(claimsInRing(channel)).toBe(true)
    expect(await peerClaimsInRing(channel)).toBe(true)
    await channel.close()
  },
)

/** Of all mappings of rings in this process. */
function residentRingBytes(): number {
  let bytes = 0
  for (const mapping of readFileSync('/proc/self/smaps', 'utf8').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)) {
    if (mapping.includes('memfd:shmwire')) bytes += Number(/^Rss: +(\d+) kB/m.exec(mapping)?.[1]) * 1024
  }
  return bytes
}

it.skipIf(process.platform !== 'linux')('keeps the rings of many quiet channels small', async () => {
  const CHANNELS = 100
  const SEGMENT_BYTES = 72 * 1024
  const server = await listen('quiet', { transport: 'shm', codec: 'bytes' })
  server.on('channel', (channel) => channel.handle((request) => request))
  const channels = await Promise.all(
    Array.from({ length: CHANNELS }, () => connect('quiet', { transport: 'shm', codec: 'bytes' })),
  )
  for (const channel of channels) await channel.request(Buffer.alloc(64))
  // Two segments for each channel, and both sides map both.
  expect(residentRingBytes()).toBeLessThanOrEqual(CHANNELS * 4 * SEGMENT_BYTES)
  expect(residentRingBytes()).toBeGreaterThanOrEqual(CHANNELS * 2 * SEGMENT_BYTES)
  await Promise.all(channels.map((channel) => channel.close()))
  await server.close()
})
