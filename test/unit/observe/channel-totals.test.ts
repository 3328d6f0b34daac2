import { describe, expect, it } from 'vitest'
import { ErrorCode, ShmwireError } from '../../../src/errors.js'
import { type ObservedChannel, observeChannel, readChannels } from '../../../src/observe/channel-totals.js'
import type { ChannelGroupFigures } from '../../../src/observe/figures.js'
import type { ChannelStats } from '../../../src/stats.js'

const STATS: ChannelStats = {
  messagesSent: 1,
  bytesSent: 10,
  messagesReceived: 2,
  bytesReceived: 20,
  wakesSent: 3,
  wakesReceived: 4,
  spins: 5,
  fullWaits: 6,
  outboxRecords: 7,
  outboxBytes: 8,
  requestsOpen: 9,
  requestsRunning: 10,
  depthBytes: 11,
  highWaterBytes: 12,
}

function channel(changes: Partial<ChannelStats> = {}): ObservedChannel {
  return { transport: 'shm', peer: { pid: 7 }, stats: () => ({ ...STATS, ...changes }) }
}

function groupAt(address: string): ChannelGroupFigures | undefined {
  return readChannels(0).groups.find((group) => group.address === address)
}

describe('the totals of channels', () => {
  it('are the sums over open channels, and keep the counters of those that have ended', () => {
    const one = channel({ highWaterBytes: 100 })
    const two = channel()
    const endOne = observeChannel(one, { role: 'server', address: 'sums' })
    const endTwo = observeChannel(two, { role: 'server', address: 'sums' })
    expect(groupAt('sums')).toMatchObject({
      open: 2,
      opened: 2,
      messagesSent: 2,
      spins: 10,
      depthBytes: 22,
      outboxRecords: 14,
      highWaterBytes: 100,
      ended: {},
    })
    endOne(undefined)
    endOne(undefined)
    endTwo(new ShmwireError(ErrorCode.PEER_GONE, 'gone'))
    expect(groupAt('sums')).toMatchObject({
      open: 0,
      opened: 2,
      messagesSent: 2,
      spins: 10,
      depthBytes: 0,
      outboxRecords: 0,
      highWaterBytes: 100,
      ended: { closed: 1, [ErrorCode.PEER_GONE]: 1 },
    })
  })

  it('count the errors of programs together', () => {
    for (const message of ['a', 'b'])
      observeChannel(channel(), { role: 'client', address: 'errors' })(new Error(message))
    expect(groupAt('errors')?.ended).toEqual({ other: 2 })
  })

  it('list open channels up to a limit, each with its own id, and count the others', () => {
    const channels = Array.from({ length: 5 }, () => channel())
    const ends = channels.map((one) => observeChannel(one, { role: 'client', address: 'limit' }))
    const { rows, omitted } = readChannels(3)
    expect([rows.length, omitted]).toEqual([3, 2])
    expect(new Set(rows.map(({ id }) => id)).size).toBe(3)
    expect(rows[0]).toMatchObject({ role: 'client', address: 'limit', transport: 'shm', peerPid: 7 })
    for (const end of ends) end(undefined)
    expect(readChannels(3)).toMatchObject({ rows: [], omitted: 0 })
  })

  it('put channels to too many addresses into one group', () => {
    for (let index = 0; index < 1_000; index += 1)
      observeChannel(channel(), { role: 'client', address: `many-${index}` })(undefined)
    const groups = readChannels(0).groups
    expect(groups.length).toBeLessThanOrEqual(300)
    const many = groups.filter(({ address }) => address === '' || address.startsWith('many-'))
    expect(many.reduce((sum, { opened }) => sum + opened, 0)).toBe(1_000)
    expect(groupAt('')?.opened).toBeGreaterThan(500)
  })
})
