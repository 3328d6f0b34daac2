import { Console } from 'node:console'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { createConnection } from 'node:net'
import { PassThrough } from 'node:stream'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { correlationStore } from '../../../src/correlation.js'
import { ErrorCode, ShmwireError } from '../../../src/errors.js'
import { listen } from '../../../src/listen.js'
import { LINES_PER_MINUTE, LogLimit } from '../../../src/log/limit.js'
import { LOG_LINES } from '../../../src/log/lines.js'
import { log } from '../../../src/log/log.js'
import { recordingLogger } from '../../support/line-logger.js'

const { pino } = createRequire(import.meta.url)('pino') as typeof import('pino')

describe('a line', () => {
  it('is not created without a logger, NODE_DEBUG and subscribers', () => {
    const details = vi.fn(() => ({}))
    log(undefined, 'tunnel.failed', details)
    expect(details).not.toHaveBeenCalled()
    log(recordingLogger().logger, 'tunnel.failed', details)
    expect(details).toHaveBeenCalledOnce()
  })

  it('has its event, its fields, the text and the code of its error, and what an operator can do', () => {
    const { logger, lines } = recordingLogger()
    const error = new ShmwireError(ErrorCode.OUT_OF_MEMORY, 'no descriptors')
    log(logger, 'client.notAccepted', () => ({ address: 'a', limit: 5, absent: undefined, error }))
    expect(lines).toEqual([
      {
        level: 'warn',
        message: 'shmwire: a client could not be accepted',
        fields: {
          event: 'client.notAccepted',
          address: 'a',
          limit: 5,
          error: 'no descriptors',
          errorCode: ErrorCode.OUT_OF_MEMORY,
          action: LOG_LINES['client.notAccepted'].action,
        },
      },
    ])
  })

  it('has the correlation id of the operation that runs, unless it states another one', () => {
    const { logger, lines } = recordingLogger()
    correlationStore.run('of-context', () => {
      log(logger, 'client.refused', () => ({}))
      log(logger, 'client.refused', () => ({ correlationId: 'its-own' }))
      log(logger, 'client.refused', () => ({ correlationId: null }))
    })
    log(logger, 'client.refused', () => ({}))
    const ids = lines.map(({ fields }) => fields['correlationId'])
    expect(ids).toEqual(['of-context', 'its-own', undefined, undefined])
  })

  it('takes any thrown value', () => {
    const { logger, lines } = recordingLogger()
    const hostile = new Proxy(
      {},
      {
        get: () => {
          throw new Error('an accessor')
        },
        has: () => true,
      },
    )
    for (const error of [hostile, null, 'text', Symbol('s')]) log(logger, 'tunnel.failed', () => ({ error }))
    expect(lines.map(({ fields }) => fields['error'])).toEqual([
      'the thrown value has no readable message',
      'null',
      'text',
      'Symbol(s)',
    ])
  })

  it('goes to pino as an object and a message', () => {
    const output = new PassThrough()
    log(pino({ level: 'debug' }, output), 'queue.stopped', () => ({
      queue: 'q',
      error: new Error('disk\nfull'),
    }))
    expect(JSON.parse(String(output.read()))).toMatchObject({
      level: 50,
      event: 'queue.stopped',
      queue: 'q',
      error: 'disk\\nfull',
      msg: 'shmwire: a queue has stopped, because its store failed',
      action: expect.any(String) as string,
    })
  })

  it('goes to a console as one line of text', () => {
    const output = new PassThrough()
    log(new Console(output, output), 'client.refused', () => ({
      address: 'a b',
      error: new Error('no\x1b'),
    }))
    expect(String(output.read())).toBe(
      'shmwire: a client was refused event=client.refused address="a b" error="no\\\\u001b"\n',
    )
  })
})

describe('the error of a line', () => {
  const reports: unknown[] = []
  const report = (message: unknown): void => void reports.push(message)

  afterEach(() => {
    unsubscribe('shmwire:background.error', report)
    reports.length = 0
  })

  it('reaches subscribers without a logger, if no operation reports it', () => {
    subscribe('shmwire:background.error', report)
    const error = new Error('refused')
    log(undefined, 'auth.tokenNotRenewed', () => ({ error, attempt: 2 }))
    log(undefined, 'service.callFailed', () => ({ error }))
    log(undefined, 'tunnel.failed', () => ({}))
    expect(reports).toEqual([
      { event: 'auth.tokenNotRenewed', error, fields: { attempt: 2, error: 'refused' } },
    ])
  })
})

describe('the limit of lines', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it('leaves out further lines of an event in a minute, and not those of others', () => {
    const { logger, lines } = recordingLogger()
    const details = vi.fn(() => ({}))
    for (let count = 0; count < 10 * LINES_PER_MINUTE; count += 1) log(logger, 'client.refused', details)
    log(logger, 'tunnel.refused', details)
    expect(lines).toHaveLength(LINES_PER_MINUTE + 1)
    expect(details).toHaveBeenCalledTimes(LINES_PER_MINUTE + 1)
    const other = recordingLogger()
    log(other.logger, 'client.refused', details)
    expect(other.lines).toHaveLength(1)
  })

  it('holds for a client that connects with garbage again and again', async () => {
    const { logger, lines } = recordingLogger()
    const server = await listen('tcp://127.0.0.1:0', { logger, authorize: () => true })
    const port = Number(server.address.split(':').at(-1))
    const sent = LINES_PER_MINUTE + 50
    for (let count = 0; count < sent; count += 1) {
      const socket = createConnection({ host: '127.0.0.1', port }).on('error', () => {})
      socket.resume().end('garbage of no protocol')
      await once(socket, 'close')
    }
    await server.close()
    expect(lines.map(({ fields }) => fields['event'])).toEqual(Array(LINES_PER_MINUTE).fill('client.refused'))
  })

  it('reports how many were left out, once for each minute', () => {
    let now = 0
    const timers: (() => void)[] = []
    const reports: [string, number][] = []
    const limit = new LogLimit<string>((event, lines) => reports.push([event, lines]), {
      nowMs: () => now,
      later: (work, delayMs) => {
        expect(delayMs).toBe(60_000 - now)
        timers.push(work)
      },
    })
    for (let count = 0; count < LINES_PER_MINUTE; count += 1) expect(limit.admits('a')).toBe(true)
    now = 1_000
    for (let count = 0; count < 7; count += 1) expect(limit.admits('a')).toBe(false)
    expect([reports, timers.length]).toEqual([[], 1])
    now = 60_000
    timers[0]?.()
    expect(reports).toEqual([['a', 7]])
    expect(limit.admits('a')).toBe(true)
    expect(reports).toHaveLength(1)
  })
})
