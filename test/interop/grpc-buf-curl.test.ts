import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { ensureBuilt } from '../support/build.js'
import { ROOT } from '../support/documents.js'
import {
  type CertificateFiles,
  INTEROP_DESCRIPTORS,
  interopCertificate,
  SECURITIES,
  type Security,
  startInteropServer,
} from '../support/interop-server.js'
import { type ProgramOutput, runProgram } from '../support/program.js'

const BUF = join(ROOT, 'node_modules/.bin/buf')
const SERVICE = 'grpc.testing.TestService'
const METHODS = [
  'EmptyCall',
  'FullDuplexCall',
  'HalfDuplexCall',
  'StreamingInputCall',
  'StreamingOutputCall',
  'UnaryCall',
]

let files: CertificateFiles
const ports = new Map<Security, string>()
beforeAll(async () => {
  ensureBuilt()
  files = interopCertificate().files
  const servers = SECURITIES.map(async (security) => {
    const { port } = await startInteropServer(security, files)
    ports.set(security, port)
  })
  await Promise.all(servers)
})

/** Flags that fit the security of the server. */
function tlsFlags(security: Security): string[] {
  const { ca, cert, key } = files
  return {
    plain: ['--http2-prior-knowledge'],
    tls: ['--cacert', ca],
    mutual: ['--cacert', ca, '--cert', cert, '--key', key],
  }[security]
}

function curl(
  security: Security,
  path: string,
  args: readonly string[] = [],
  tls = tlsFlags(security),
): Promise<ProgramOutput> {
  const url = `${security === 'plain' ? 'http' : 'https'}://127.0.0.1:${ports.get(security)}${path}`
  return runProgram(BUF, ['curl', '--protocol', 'grpc', ...tls, ...args, url])
}

/** The messages of an answer. */
async function messagesOf(security: Security, method: string, args: readonly string[]): Promise<unknown[]> {
  const { code, stdout, stderr } = await curl(security, `/${SERVICE}/${method}`, args)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
    .split(/\n(?=\{)/)
    .filter((text) => text.trim() !== '')
    .map((text) => JSON.parse(text))
}

describe.each(SECURITIES)('buf curl, %s', (security) => {
  it.concurrent('lists the services by reflection', async () => {
    const { code, stdout, stderr } = await curl(security, '', ['--list-services'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout.trim().split('\n')).toEqual(expect.arrayContaining([SERVICE, 'grpc.health.v1.Health']))
  })

  it.concurrent('lists the methods by reflection', async () => {
    const { stdout } = await curl(security, '', ['--list-methods'])
    const own = stdout.split('\n').filter((line) => line.startsWith(SERVICE))
    expect(own.toSorted()).toEqual(METHODS.map((method) => `${SERVICE}/${method}`))
  })

  it.concurrent.each([
    ['reflection', []],
    ['a descriptor set', ['--reflect=false', '--schema', INTEROP_DESCRIPTORS]],
  ])('calls a method, with the types from %s', async (_source, flags) => {
    const request = { responseSize: 3 }
    const messages = await messagesOf(security, 'UnaryCall', [...flags, '-d', JSON.stringify(request)])
    expect(messages).toEqual([{ payload: { body: 'AAAA' } }])
  })
})

describe('buf curl', () => {
  it.concurrent('receives a stream', async () => {
    const request = { responseParameters: [{ size: 3 }, { size: 6, intervalUs: 1000 }] }
    expect(await messagesOf('plain', 'StreamingOutputCall', ['-d', JSON.stringify(request)])).toEqual([
      { payload: { body: 'AAAA' } },
      { payload: { body: 'AAAAAAAA' } },
    ])
  })

  it.concurrent('sends a stream', async () => {
    const requests = ['AAAA', 'AAAAAAAA'].map((body) => JSON.stringify({ payload: { body } })).join('\n')
    expect(await messagesOf('plain', 'StreamingInputCall', ['-d', requests])).toEqual([
      { aggregatedPayloadSize: 9 },
    ])
  })

  it.concurrent('prints the status and the message of an error', async () => {
    const request = { responseStatus: { code: 5, message: 'there is nothing' } }
    const { code, stderr } = await curl('plain', `/${SERVICE}/UnaryCall`, ['-d', JSON.stringify(request)])
    expect(code).not.toBe(0)
    expect(JSON.parse(stderr)).toMatchObject({ code: 'not_found', message: 'there is nothing' })
  })

  it.concurrent('reads the health of a service', async () => {
    const { stdout } = await curl('plain', '/grpc.health.v1.Health/Check', [
      '-d',
      JSON.stringify({ service: SERVICE }),
    ])
    expect(JSON.parse(stdout)).toEqual({ status: 'SERVING' })
  })

  it.concurrent('fails without a certificate if the server demands one', async () => {
    const { code } = await curl('mutual', '', ['--list-services'], ['--cacert', files.ca])
    expect(code).not.toBe(0)
  })

  it.concurrent('fails if it does not know the authority of the server', async () => {
    const { code } = await curl('tls', '', ['--list-services'], [])
    expect(code).not.toBe(0)
  })
})
