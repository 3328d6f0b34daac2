import { beforeAll, expect, it } from 'vitest'
import { type Channel, connect } from '../../src/index.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'

const CHANNELS = 200
/** A round: a burst that is echoed, and a request at the same time. */
const BURST = 20
const ROUNDS_AVERAGE = 30
/** A fair server keeps all channels about equal; a channel this far behind is starved. */
const UNFAIRNESS_MAX = 4

beforeAll(() => ensureBuilt())

it.each(['shm', 'socket'] as const)(
  'serves 200 channels at once over %s and starves none',
  async (transport) => {
    ownRuntimeDirectory()
    const server = new Child('busy-server', { args: ['many', transport], ipc: true })
    expect(await server.next()).toBe('listening')
    const options = { transport, codec: 'bytes', ringBytes: 64 * 1024 } as const
    // All at once: more handshakes than any queue between the two processes holds.
    const channels = await Promise.all(Array.from({ length: CHANNELS }, () => connect('many', options)))

    const rounds = new Uint32Array(CHANNELS)
    let total = 0
    let enough = false
    const run = async (channel: Channel, index: number): Promise<void> => {
      const loop = channel[Symbol.asyncIterator]()
      while (!enough) {
        const round = rounds[index] as number
        const message = Buffer.from(`channel ${index}, round ${round}`)
        for (let count = 0; count < BURST; count += 1) void channel.send(message)
        const reply = channel.request<Buffer>(message)
        for (let count = 0; count < BURST; count += 1) {
          const { value } = (await loop.next()) as { value: Buffer }
          if (!value.equals(message))
            throw new Error(`${message.toString()} was echoed as ${value.toString()}`)
        }
        if (!(await reply).equals(message)) throw new Error(`${message.toString()} was answered wrongly`)
        rounds[index] = round + 1
        total += 1
        enough = total >= CHANNELS * ROUNDS_AVERAGE
      }
    }
    await Promise.all(channels.map(run))
    const [least, most] = [Math.min(...rounds), Math.max(...rounds)]
    console.log(`rounds of ${CHANNELS} channels over ${transport}: ${least} to ${most}`)
    expect(least * UNFAIRNESS_MAX).toBeGreaterThanOrEqual(most)
    await Promise.all(channels.map((channel) => channel.close()))
  },
)
