import { spawnSync } from 'node:child_process'
import { beforeAll, describe, expect, it } from 'vitest'
import { ensureBuilt } from '../support/build.js'
import { coverageOf } from '../support/coverage.js'
import { OTHER_CASES } from '../support/interop-cases.js'
import {
  type CertificateFiles,
  INTEROP_DESCRIPTORS,
  interopCertificate,
  interopChild,
  SECURITIES,
  startInteropServer,
} from '../support/interop-server.js'
import { runProgram } from '../support/program.js'

/** Another Python than that of the system may be the first on the PATH. */
const python = ['/usr/bin/python3', 'python3'].find(
  (program) => spawnSync(program, ['-c', 'import grpc, google.protobuf']).status === 0,
)
if (python === undefined) console.log('skipped: apt-get install python3-grpcio: Python has no module grpc')

/** The cases that grpc-client.py has, in its order. */
const CASES = [
  'empty_unary',
  'large_unary',
  'client_compressed_unary',
  'client_streaming',
  'server_streaming',
  'ping_pong',
  'empty_stream',
  'custom_metadata',
  'status_code_and_message',
  'special_status_message',
  'unimplemented_method',
  'unimplemented_service',
  'cancel_after_begin',
  'cancel_after_first_response',
  'timeout_on_sleeping_server',
  'half_duplex',
]

interface CaseResult {
  readonly name: string
  readonly failure: string | null
}

let files: CertificateFiles
beforeAll(() => {
  ensureBuilt()
  files = interopCertificate().files
})

describe.skipIf(python === undefined).each(SECURITIES)('grpcio as a client, %s', (security) => {
  let results: readonly CaseResult[]
  beforeAll(async () => {
    const { port } = await startInteropServer(security, files)
    const { ca, cert, key } = files
    const tls = { plain: [], tls: [ca], mutual: [ca, cert, key] }[security]
    const args = [interopChild('grpc-client.py'), `127.0.0.1:${port}`, INTEROP_DESCRIPTORS, ...tls]
    const { code, stdout, stderr } = await runProgram(python as string, args)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    results = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
  })

  it.each(CASES)('passes %s', (name) => {
    expect(results.find((result) => result.name === name)).toEqual({ name, failure: null })
  })

  it('has no further cases', () => {
    expect(results.map(({ name }) => name)).toEqual(CASES)
  })
})

it('has a row in docs/coverage.md for each case of grpcio', () => {
  expect(coverageOf('Python client')).toEqual({ passed: new Set(CASES), others: new Set(OTHER_CASES) })
})
