import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { LiveStream } from '../../../../src/cli/monitor/live-stream.js'

/** A connection that holds at most one event. */
class SlowResponse extends Writable {
  written = ''
  read: () => void = () => {}

  constructor() {
    super({ highWaterMark: 1 })
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written += chunk.toString()
    this.read = done
  }
}

function stream(response: SlowResponse, onEnd = (): void => {}, stalledMs?: number): LiveStream {
  return new LiveStream(response as unknown as ServerResponse, onEnd, stalledMs)
}

describe('a stream of events', () => {
  it('skips events while the page does not read', async () => {
    const response = new SlowResponse()
    const events = stream(response)
    for (const number of [1, 2, 3]) events.send('frame', String(number))
    expect(response.written).toBe('event: frame\ndata: 1\n\n')
    const drained = once(response, 'drain')
    response.read()
    await drained
    events.send('frame', '4')
    expect(response.written).toBe('event: frame\ndata: 1\n\nevent: frame\ndata: 4\n\n')
    response.destroy()
  })

  it('ends with a page that reads nothing for too long', async () => {
    const response = new SlowResponse()
    const ended = new Promise<void>((resolve) => {
      stream(response, resolve, 1).send('frame', '1')
    })
    await ended
    expect(response.destroyed).toBe(true)
  })

  it('writes nothing after its end', async () => {
    const response = new SlowResponse()
    const events = stream(response)
    response.destroy()
    await once(response, 'close')
    events.send('frame', '1')
    expect(response.written).toBe('')
  })
})
