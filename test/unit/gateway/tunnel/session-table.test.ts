import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../../src/errors.js'
import { SessionTable } from '../../../../src/gateway/tunnel/session-table.js'
import { TunnelStream } from '../../../../src/gateway/tunnel/tunnel-stream.js'

const BOUNDS = { bufferBytes: 65_536, windowBytes: 65_536, resumeMs: 1_000 }
const client = (owner: string, identity = '') => ({ identity, owner, address: undefined })

describe('SessionTable', () => {
  it('finds a session for its own identity only', () => {
    const table = new SessionTable(4)
    const id = randomBytes(16)
    const session = table.add(id, client('host a', 'alice'))
    session.stream = new TunnelStream(BOUNDS)
    // The address of a client can change.
    expect(table.find(id, client('host b', 'alice'))).toBe(session.stream)
    for (const [otherId, identity] of [
      [id, 'bob'],
      [id, ''],
      [randomBytes(16), 'alice'],
    ] as const)
      expect(() => table.find(otherId, client('host a', identity))).toThrow(
        expect.objectContaining({
          code: ErrorCode.PEER_GONE,
          message: expect.stringContaining('does not know'),
        }),
      )
    session.stream.destroy()
    expect(() => table.find(id, client('host a', 'alice'))).toThrow(/does not know/)
  })

  it('bounds the sessions in all, and leaves half of them to other hosts', () => {
    const table = new SessionTable(4)
    const ids = Array.from({ length: 5 }, () => randomBytes(16))
    const add = (index: number, owner: string) => table.add(ids[index] as Buffer, client(owner))
    add(0, 'host a')
    add(1, 'host a')
    expect(() => add(2, 'host a')).toThrow(expect.objectContaining({ code: ErrorCode.UNAVAILABLE }))
    add(2, 'host b')
    add(3, 'host c')
    expect(() => add(4, 'host d')).toThrow(/4 sessions of 4/)
    table.remove(ids[0] as Buffer)
    table.remove(ids[0] as Buffer)
    add(4, 'host a')
    expect(table.size).toBe(4)
  })

  it('refuses the id of an open session', () => {
    const table = new SessionTable(4)
    const id = randomBytes(16)
    table.add(id, client('a'))
    expect(() => table.add(id, client('a'))).toThrow(expect.objectContaining({ code: ErrorCode.DENIED }))
  })
})
