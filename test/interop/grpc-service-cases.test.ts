import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ensureBuilt } from '../support/build.js'
import { startConnectServer } from '../support/connect-server.js'
import { coverageOf } from '../support/coverage.js'
import { grpcServiceClients } from '../support/grpc-service-clients.js'
import { INTEROP_CASES, OTHER_CASES } from '../support/interop-cases.js'
import {
  interopCertificate,
  interopChild,
  portOf,
  SECURITIES,
  type Security,
  startInteropServer,
} from '../support/interop-server.js'
import { startProgram } from '../support/program.js'
import { findRubyGrpc, rubyCertificate } from '../support/ruby-grpc.js'

const ruby = findRubyGrpc()
if ('missing' in ruby) console.log(`skipped: ${ruby.missing}`)

let certificate: ReturnType<typeof interopCertificate>
beforeAll(() => {
  ensureBuilt()
  certificate = interopCertificate()
})

interface TestServer {
  readonly name: string
  /** The column of docs/coverage.md. */
  readonly column: string
  /** The machine lacks the program. */
  readonly missing: boolean
  /** Returns the port. */
  readonly start: (security: Security) => Promise<string>
  /** The cases that fail because of the server, with the message of the failure. */
  readonly failing: Readonly<Record<string, RegExp>>
}

const closeAfterAll: (() => unknown)[] = []
afterAll(async () => {
  await Promise.all(closeAfterAll.map((close) => close()))
})

/** grpcService does not compress its requests. */
const NOT_RUN = [...OTHER_CASES, 'client_compressed_unary']

const SERVERS: readonly TestServer[] = [
  {
    name: "gRPC's interop server for Ruby",
    column: 'Ruby server',
    missing: 'missing' in ruby,
    async start(security) {
      const { cert, key, ca } = rubyCertificate(certificate.files)
      const env = { plain: {}, tls: { ...cert, ...key }, mutual: { ...cert, ...key, ...ca } }[security]
      const server = 'server' in ruby ? ruby.server : ''
      const { line } = await startProgram('ruby', [interopChild('interop-server.rb'), server], { env })
      return portOf(line)
    },
    failing: { half_duplex: /wrong number of arguments/ },
  },
  {
    name: 'a server of connect-node',
    column: 'connect-node server',
    missing: false,
    async start(security) {
      const { port, close } = await startConnectServer(security, certificate.texts)
      closeAfterAll.push(close)
      return port
    },
    failing: {},
  },
  {
    name: 'a gateway of shmwire',
    column: 'shmwire gateway',
    missing: false,
    start: async (security) => (await startInteropServer(security, certificate.files)).port,
    failing: {},
  },
]

for (const { name: server, column, missing, start, failing } of SERVERS) {
  describe.skipIf(missing).each(SECURITIES)(`grpcService, with ${server}, %s`, (security) => {
    let clients: Awaited<ReturnType<typeof grpcServiceClients>>
    beforeAll(async () => {
      clients = await grpcServiceClients(await start(security), security, certificate.texts)
      return clients.close
    })

    it.each(passingOf(failing))('passes %s', async (name) => INTEROP_CASES[name]?.(clients))

    it.each(Object.entries(failing))('fails %s', async (name, failure) => {
      await expect(INTEROP_CASES[name]?.(clients)).rejects.toThrow(failure)
    })
  })

  it(`has a row in docs/coverage.md for each case with ${server}`, () => {
    const passed = new Set(passingOf(failing))
    expect(coverageOf(column)).toEqual({ passed, others: new Set([...NOT_RUN, ...Object.keys(failing)]) })
  })
}

function passingOf(failing: object): string[] {
  return Object.keys(INTEROP_CASES).filter((name) => !NOT_RUN.includes(name) && !(name in failing))
}
