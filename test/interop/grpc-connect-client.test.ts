import { beforeAll, describe, expect, it } from 'vitest'
import { ensureBuilt } from '../support/build.js'
import { connectClients } from '../support/connect-clients.js'
import { coverageOf } from '../support/coverage.js'
import { type CaseClients, INTEROP_CASES, OTHER_CASES } from '../support/interop-cases.js'
import { interopCertificate, SECURITIES, startInteropServer } from '../support/interop-server.js'

let certificate: ReturnType<typeof interopCertificate>
beforeAll(() => {
  ensureBuilt()
  certificate = interopCertificate()
})

describe.each(SECURITIES)('connect-node as a gRPC client, %s', (security) => {
  let clients: CaseClients
  beforeAll(async () => {
    const { port } = await startInteropServer(security, certificate.files)
    clients = connectClients(port, security, certificate.texts)
  })

  it.each(Object.entries(INTEROP_CASES))('passes %s', async (_name, run) => run(clients))
})

it('has a row in docs/coverage.md for each case of connect-node as a client', () => {
  const passed = new Set(Object.keys(INTEROP_CASES))
  expect(coverageOf('connect-node client')).toEqual({ passed, others: new Set(OTHER_CASES) })
})
