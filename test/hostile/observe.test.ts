import { once } from 'node:events'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ServerObserver } from '../../src/discovery/observe-servers.js'
import { connect, listen, type Server } from '../../src/index.js'
import { stopMeasuring } from '../../src/observe/event-loop.js'
import { encodeControlFrame, FrameKind } from '../../src/wire/frames.js'
import { integerFrom, newSeed, randomFrom } from '../support/random.js'
import { RawPeer } from '../support/raw-peer.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'
import { waitFor } from '../support/wait-for.js'

/** Fewer than a server lets one process have, so that an honest observer is not displaced. */
const GREEDY = 20
const ROUNDS = 150
const OBSERVE = encodeControlFrame(FrameKind.OBSERVE, {})

let directory = ''
let server: Server
beforeEach(async () => {
  directory = ownRuntimeDirectory()
  server = await listen('observed')
  server.on('channel', (channel) => channel.handle((message) => message))
})
afterEach(async () => {
  await server.close()
  stopMeasuring()
})

async function describedPeer(): Promise<RawPeer> {
  const socket = createConnection(join(directory, 'observed.sock'))
  await once(socket, 'connect')
  const peer = new RawPeer(socket).preamble().send('DESCRIBE', { pid: process.pid })
  await peer.find(FrameKind.DESCRIPTION)
  return peer
}

describe('hostile observers', () => {
  it('do not keep a server from its channels and from honest observers', async () => {
    const random = randomFrom(newSeed('hostile observers'))
    const channel = await connect('observed')
    const greedy = await Promise.all(Array.from({ length: GREEDY }, describedPeer))
    const over = new AbortController()
    const taken = greedy.map(async (peer) => {
      let count = 0
      while (!over.signal.aborted && (await peer.send('OBSERVE').find(FrameKind.SNAPSHOT)) !== undefined)
        count += 1
      return count
    })
    for (let round = 0; round < ROUNDS; round += 1) {
      const peer = await describedPeer()
      // Whole frames, parts of frames and other bytes, in any order.
      const parts = Array.from({ length: integerFrom(random, 1, 5) }, () => {
        const frame = Buffer.from(OBSERVE)
        if (integerFrom(random, 0, 2) === 0) frame[integerFrom(random, 0, 13)] = integerFrom(random, 0, 255)
        return frame.subarray(0, integerFrom(random, 1, 14))
      })
      for (const part of parts) peer.write(part)
      if (integerFrom(random, 0, 1) === 0) peer.socket.pause()
      expect(await channel.request(round)).toBe(round)
      peer.socket.destroy()
    }
    const [answer] = await new ServerObserver(['observed'], { answerTimeoutMs: 30_000 }).ask()
    expect(answer?.snapshot?.servers).toMatchObject([{ address: 'observed', channelsOpen: 1 }])
    over.abort()
    // Each greedy one has got its answers too.
    for (const count of await Promise.all(taken)) expect(count).toBeGreaterThan(0)
    for (const { socket } of greedy) socket.destroy()
    await waitFor(async () => {
      const [last] = await new ServerObserver(['observed'], { answerTimeoutMs: 30_000 }).ask()
      expect(last?.snapshot?.servers).toMatchObject([{ observers: 0, handshakesOpen: 0 }])
    })
    await channel.close()
  })
})
