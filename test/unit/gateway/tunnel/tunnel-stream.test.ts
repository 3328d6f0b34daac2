import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { ErrorCode, ShmwireError } from '../../../../src/errors.js'
import type { SessionBounds } from '../../../../src/gateway/tunnel/tunnel-session.js'
import { bytesAt, TunnelPair } from '../../../support/tunnel-wire.js'
import { turns } from '../../../support/turns.js'
import { collectUncaught } from '../../../support/uncaught.js'

const BOUNDS: SessionBounds = { bufferBytes: 64 * 1024, windowBytes: 64 * 1024, resumeMs: 60_000 }

describe('the stream of a tunnel', () => {
  it('is half-open after the end of one direction', async () => {
    const pair = new TunnelPair(BOUNDS)
    const [left, right] = pair.streams
    left.end('question')
    right.resume()
    const ended = once(right, 'end')
    await pair.settle()
    await ended
    expect([left.writableFinished, right.writable, left.destroyed]).toEqual([true, true, false])
    left.resume()
    right.end('answer')
    await pair.settle()
    expect([left.destroyed, right.destroyed, left.errored, right.errored]).toEqual([true, true, null, null])
  })

  it('finishes when the peer has received everything', async () => {
    const pair = new TunnelPair(BOUNDS)
    const [left, right] = pair.streams
    left.end(bytesAt(0, 1_000))
    await turns(5)
    expect(left.writableFinished).toBe(false)
    await pair.settle()
    // Although the peer has not read it.
    expect([left.writableFinished, right.readableEnded]).toEqual([true, false])
  })

  it('reports back-pressure, and takes the rest when the peer reads', async () => {
    const pair = new TunnelPair(BOUNDS)
    const [left, right] = pair.streams
    let done = 0
    for (let count = 0; count < 4; count += 1) left.write(bytesAt(count * 50_000, 50_000), () => (done += 1))
    expect(left.writableNeedDrain).toBe(true)
    await pair.settle()
    expect(done).toBeLessThan(4)
    const chunks: Buffer[] = []
    right.on('data', (chunk: Buffer) => chunks.push(chunk))
    await pair.settle()
    expect(done).toBe(4)
    expect(Buffer.concat(chunks).equals(bytesAt(0, 200_000))).toBe(true)
  })

  it('delivers what was sent before a destroy, then the end', async () => {
    const pair = new TunnelPair(BOUNDS)
    const [left, right] = pair.streams
    left.write('last words')
    left.destroy()
    await pair.settle()
    expect(String(right.read())).toBe('last words')
    right.resume()
    await once(right, 'end')
    const failed = once(right, 'error')
    right.write('too late')
    expect(await failed).toMatchObject([{ code: 'EPIPE' }])
  })

  it('passes the reason of a destroy to the peer', async () => {
    const pair = new TunnelPair(BOUNDS)
    const [left, right] = pair.streams
    right.resume()
    left.destroy(new ShmwireError(ErrorCode.VERSION, 'mine'))
    await pair.settle()
    expect(right.errored).toMatchObject({ code: ErrorCode.VERSION, message: expect.stringContaining('mine') })
  })

  it('ends a write and an end that wait when it is destroyed', async () => {
    const { streams } = new TunnelPair(BOUNDS)
    const outcomes: unknown[] = []
    streams[0].write(bytesAt(0, 100_000), (error) => outcomes.push((error as NodeJS.ErrnoException).code))
    streams[0].destroy()
    await turns(3)
    expect(outcomes).toEqual(['EPIPE'])
    const other = new TunnelPair(BOUNDS).streams[0]
    other.end(() => outcomes.push('ended'))
    await turns(2)
    other.destroy()
    await turns(3)
    expect(outcomes.length).toBe(2)
  })

  it('continues after a listener that throws', async () => {
    const pair = new TunnelPair(BOUNDS)
    const [left, right] = pair.streams
    let received = ''
    const thrown = await collectUncaught(async () => {
      right.on('data', (chunk: Buffer) => {
        received += String(chunk)
        if (received === 'a') throw new Error('mine')
      })
      for (const text of ['a', 'b', 'c']) {
        left.write(text)
        await pair.settle()
      }
    })
    expect(received).toBe('abc')
    expect(thrown).toMatchObject([{ message: 'mine' }])
  })
})
