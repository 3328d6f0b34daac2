import { beforeAll, expect, it } from 'vitest'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { localAddress } from '../support/local-address.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { eventually } from '../support/turns.js'

beforeAll(() => ensureBuilt())

type Line = Readonly<Record<string, unknown>>

function linesOf({ stderr }: Child): Line[] {
  const lines = stderr.split('\n').slice(0, -1)
  return lines.map((line) => JSON.parse(line) as Line)
}

const textsWith = (child: Child, id: string): unknown[] =>
  linesOf(child)
    .filter((line) => line['correlationId'] === id)
    .map(({ event, msg }) => event ?? msg)

it('finds one correlation id in the logs of a gateway, a service and the worker of a queue', async () => {
  const directory = temporaryDirectory()
  const addresses = [localAddress(directory, 'service'), localAddress(directory, 'queue')]
  const start = async (role: string): Promise<[Child, unknown]> => {
    const child = new Child('correlated', { args: [role, ...addresses], ipc: true })
    return [child, await child.next()]
  }
  const [worker] = await start('worker')
  const [service] = await start('service')
  const [gateway, port] = await start('gateway')
  for (const id of ['request-one', 'request-two']) {
    const reply = await fetch(`http://127.0.0.1:${String(port)}/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-correlation-id': id, authorization: 'Bearer secret' },
      body: '{"card":"secret"}',
    })
    expect([reply.status, reply.headers.get('x-correlation-id')]).toEqual([500, id])
    await eventually(() => [gateway, service, worker].every((child) => textsWith(child, id).length > 0))
    expect(textsWith(gateway, id)).toEqual(['gateway.requestFailed'])
    expect(textsWith(service, id)).toEqual(['the handler of the program runs', 'service.callFailed'])
    await eventually(() => textsWith(worker, id).length === 2)
    expect(textsWith(worker, id)).toEqual(['the worker of the program runs', 'queue.attemptFailed'])
  }
  // Both ends of a connection state the same id.
  const opened = (child: Child): unknown[] =>
    linesOf(child)
      .filter(({ event }) => event === 'channel.opened')
      .map(({ connectionId }) => connectionId)
  const shared = opened(gateway).filter((id) => opened(service).includes(id))
  expect(shared).toHaveLength(1)
  expect(shared[0]).toMatch(/^[0-9a-f]{16}$/)
  for (const child of [gateway, service, worker]) expect(child.stderr).not.toContain('secret')
})
