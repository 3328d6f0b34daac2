import { beforeAll, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../src/errors.js'
import { connectNats, NATS_REASON, NATS_VERSION, NatsServer, openEngine } from '../../support/nats-server.js'
import { waitFor } from '../../support/wait-for.js'

describe.skipIf(NATS_VERSION === undefined)(`a cell over JetStream${NATS_REASON}`, () => {
  let server: NatsServer
  let count = 0
  beforeAll(async () => {
    server = await NatsServer.start()
  })

  async function open(initial: unknown) {
    const engine = openEngine(server)
    count += 1
    const name = `cell.${count}`
    return { engine, name, cell: await engine.createCell<unknown>(name, initial, {}) }
  }

  it('gives a watcher the current value, marked initial, and then newer ones up to the last', async () => {
    const { engine, name, cell } = await open({ n: 0 })
    await cell.set({ n: 1 })
    const watch = await engine.watch<{ n: number }>(name, {})
    expect(watch.get()).toEqual({ n: 1 })
    expect(watch.get()).toBe(watch.get())
    expect(watch).toMatchObject({ epoch: cell.epoch, version: 2, stale: false, transport: 'nats' })
    const total = 500
    const seen: [number, number, boolean][] = []
    const reading = (async () => {
      for await (const [value, { version, initial }] of watch.entries()) {
        seen.push([value.n, version, initial])
        if (value.n === total) return
      }
    })()
    await waitFor(() => expect(seen).toHaveLength(1))
    await Promise.all(Array.from({ length: total - 1 }, (_, n) => cell.set({ n: n + 2 })))
    await reading
    expect(seen[0]).toEqual([1, 2, true])
    expect(seen.at(-1)).toEqual([total, total + 1, false])
    expect(seen.map(([, version]) => version)).toEqual(
      seen.map(([, version]) => version).toSorted((a, b) => a - b),
    )
    expect(cell).toMatchObject({ version: total + 1 })
    expect(cell.get()).toEqual({ n: total })
    expect(watch.get()).toEqual({ n: total })
  })

  it('marks the value stale when the writer closes, and follows a new writer', async () => {
    const { engine, name, cell } = await open('a')
    const watch = await engine.watch<string>(name, {})
    const events: unknown[] = []
    watch.on('stale', () => events.push('stale'))
    watch.on('value', (value, { epoch, version }) => events.push([value, epoch, version]))
    await waitFor(() => expect(events).toEqual([['a', cell.epoch, 1]]))
    await cell.close()
    await waitFor(() => expect(watch.stale).toBe(true))
    expect(watch.get()).toBe('a')
    const next = await engine.createCell<unknown>(name, 'b', {})
    await waitFor(() => expect(events.slice(1)).toEqual(['stale', ['b', next.epoch, 1]]))
    expect(watch.stale).toBe(false)
    await expect(cell.set('c')).rejects.toMatchObject({ code: ErrorCode.CLOSED })
  })

  it('marks the value stale when the process of the writer is gone', async () => {
    const { name } = await open('a')
    const writer = openEngine(server)
    await writer.createCell(name, 'b', {})
    const reader = openEngine(server)
    const watch = await reader.watch(name, {})
    expect(watch.stale).toBe(false)
    expect(watch.get()).toBe('b')
    // Without `close` of the cell.
    await writer.close()
    await waitFor(() => expect(watch.stale).toBe(true))
    expect(watch.get()).toBe('b')
    const late = await reader.watch(name, {})
    expect(late.get()).toBe('b')
    await waitFor(() => expect(late.stale).toBe(true))
  })

  it('lets only the newest writer set values', async () => {
    const { engine, name, cell } = await open(1)
    const next = await engine.createCell<unknown>(name, 2, {})
    await expect(cell.set(3)).rejects.toMatchObject({
      code: ErrorCode.INVALID_STATE,
      message: expect.stringContaining('another writer has taken over'),
    })
    await next.set(4)
    const watch = await engine.watch(name, {})
    expect(watch.get()).toBe(4)
  })

  it('reads values that other programs put into the bucket, and they read its values', async () => {
    const engine = openEngine(server)
    const cell = await engine.createCell<unknown>('plain', { a: 1 }, { codec: 'json' })
    const { Kvm } = await import('@nats-io/kv')
    const { nats } = await connectNats(server)
    const bucket = await new Kvm(nats).open('shmwire-cells')
    expect((await bucket.get('plain'))?.string()).toBe('{"a":1}')
    const watch = await engine.watch<unknown>('plain', { codec: 'json' })
    await cell.close()
    await bucket.put('plain', '{"a":2}')
    await waitFor(() => expect(watch.get()).toEqual({ a: 2 }))
    expect(watch).toMatchObject({ epoch: 'kv', stale: false })
    await bucket.delete('plain')
    await bucket.put('plain', '{"a":3}')
    await waitFor(() => expect(watch.get()).toEqual({ a: 3 }))
    await bucket.put('plain', '{')
    await expect(
      (async () => {
        for await (const _ of watch);
      })(),
    ).rejects.toMatchObject({ code: ErrorCode.CODEC })
  })

  it('rejects what an engine cannot do', async () => {
    const { engine, name, cell } = await open(1)
    await expect(engine.watch('absent', {})).rejects.toMatchObject({ code: ErrorCode.NOT_LISTENING })
    await expect(engine.createCell('x', 1, { maxValueByte: 1 } as object)).rejects.toThrow('maxValueBytes')
    await expect(engine.watch(name, { codec: 'json' })).rejects.toThrow(
      'uses the codec "msgpack", and this side "json"',
    )
    await expect(cell.set('x'.repeat(70_000))).rejects.toMatchObject({ code: ErrorCode.MESSAGE_TOO_LARGE })
    expect(cell).toMatchObject({ version: 1 })
  })
})
