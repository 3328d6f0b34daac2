import { readFileSync } from 'node:fs'
import { connect } from 'node:http2'
import { text } from 'node:stream/consumers'
import { beforeAll, describe, expect, it } from 'vitest'
import { ensureBuilt } from '../support/build.js'
import { interopChild, portOf } from '../support/interop-server.js'
import { runProgram, startProgram } from '../support/program.js'

const SERVER = interopChild('interop-server.mjs')
const EMPTY_MESSAGE = Buffer.alloc(5)

beforeAll(() => ensureBuilt())

/** Calls EmptyCall. Returns the status in the trailers. */
async function emptyCall(url: string, ca?: string): Promise<unknown> {
  const session = connect(url, { ca })
  const stream = session.request({
    ':method': 'POST',
    ':path': '/grpc.testing.TestService/EmptyCall',
    'content-type': 'application/grpc',
    te: 'trailers',
  })
  let status: unknown
  stream.on('trailers', (trailers) => {
    status = trailers['grpc-status']
  })
  stream.end(EMPTY_MESSAGE)
  await text(stream)
  session.close()
  return status
}

describe('npm run interop:server', () => {
  it('prints one line when it is ready, and ends with SIGTERM', async () => {
    const program = await startProgram(process.execPath, [SERVER, '0'])
    expect(program.line).toMatch(/^grpc\.testing\.TestService is ready at 127\.0\.0\.1:\d+$/)
    expect(await emptyCall(`http://127.0.0.1:${portOf(program.line)}`)).toBe('0')
    expect(await program.stop()).toEqual({ code: 0, stdout: `${program.line}\n`, stderr: '' })
  })

  it('names its new certificate with --tls', async () => {
    const { line } = await startProgram(process.execPath, [SERVER, '0', '--tls'])
    const file = /, with the certificate (.+)$/.exec(line)?.[1] as string
    const url = `https://localhost:${portOf(line)}`
    expect(await emptyCall(url, readFileSync(file, 'utf8'))).toBe('0')
  })

  it.each([
    ['no port', []],
    ['a port that is too large', ['65536']],
    ['a certificate without its key', ['0', '--cert', 'cert.pem']],
    ['an unknown option', ['0', '--port']],
  ])('prints its usage for %s', async (_what, args) => {
    const { code, stderr } = await runProgram(process.execPath, [SERVER, ...args])
    expect(code).toBe(2)
    expect(stderr).toContain('usage: interop:server')
  })
})
