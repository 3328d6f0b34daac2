import { afterEach, beforeEach, expect, it } from 'vitest'
import { createRestServer, type RestServer } from '../../../../src/gateway/rest/rest-server.js'
import type { RestServerOptions } from '../../../../src/gateway/rest/server-options.js'
import { policy } from '../../../../src/service/auth/policy.js'
import { ownRuntimeDirectory } from '../../../support/temporary-directory.js'
import { closeAll, closers, connectTo, LOCAL, startServer } from '../../../support/web-socket-gateways.js'

beforeEach(() => {
  ownRuntimeDirectory()
})
afterEach(closeAll)

async function startRest(options: Partial<RestServerOptions>): Promise<RestServer> {
  const server = await createRestServer({ listen: '127.0.0.1:0', services: [], ...options })
  closers.push(() => server.close({ timeoutMs: 0 }))
  return server
}

it('a server of REST accepts tunnels over WebSockets beside its routes', async () => {
  await startServer()
  const { address } = await startRest({ tunnels: { allow: ['prices'], authorize: () => true } })
  const channel = await connectTo(`ws://${address}/tunnels/prices`)
  expect(channel.transport).toBe('ws')
  expect(await channel.request(1)).toEqual({ question: 1 })
  expect((await fetch(`http://${address}/health`)).status).toBe(200)
  await expect(connectTo(`ws://${address}/others/prices`)).rejects.toMatchObject({
    code: 'ERR_SHMWIRE_VERSION',
  })
})

it('its policy decides about tunnels', async () => {
  await startServer()
  const rules = policy({ 'shmwire.v1.TunnelService/Open': ['tunnels:open'] })
  const auth = {
    securityScheme: { type: 'http', scheme: 'bearer' },
    challenge: 'Bearer',
    authenticate: ({ headers }: { headers: Record<string, unknown> }) =>
      headers['authorization'] === 'Bearer good' ? { subject: 'ann', scopes: ['tunnels:open'] } : undefined,
  }
  const { address } = await startRest({ tunnels: { allow: ['prices'] }, policy: rules, auth })
  const place = `ws://${address}/tunnels/prices`
  await expect(connectTo(place)).rejects.toMatchObject({ code: 'ERR_SHMWIRE_DENIED' })
  const channel = await connectTo(place, { ...LOCAL, token: 'good' })
  expect(await channel.request(1)).toEqual({ question: 1 })
})

it('its end closes the tunnels, within a bounded time', async () => {
  await startServer()
  const server = await startRest({ tunnels: { allow: ['prices'], authorize: () => true } })
  const channel = await connectTo(`ws://${server.address}/tunnels/prices`)
  const closed = new Promise((resolve) => channel.once('close', resolve))
  await server.close({ timeoutMs: 5_000 })
  await closed
})
