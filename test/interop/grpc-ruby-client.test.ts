import { beforeAll, describe, expect, it } from 'vitest'
import { ensureBuilt } from '../support/build.js'
import { coverageOf } from '../support/coverage.js'
import {
  type CertificateFiles,
  interopCertificate,
  interopChild,
  SECURITIES,
  type Security,
  startInteropServer,
} from '../support/interop-server.js'
import { runProgram } from '../support/program.js'
import { findRubyGrpc, rubyCertificate } from '../support/ruby-grpc.js'
import { startTokenServer, type TokenServer } from '../support/token-server.js'

const ruby = findRubyGrpc()
if ('missing' in ruby) console.log(`skipped: ${ruby.missing}`)
const client = 'client' in ruby ? ruby.client : ''

/** All cases of the client, except those with tokens. */
const PASSING = [
  'empty_unary',
  'large_unary',
  'client_compressed_unary',
  'client_streaming',
  'client_compressed_streaming',
  'server_streaming',
  'ping_pong',
  'timeout_on_sleeping_server',
  'empty_stream',
  'cancel_after_begin',
  'cancel_after_first_response',
  'unimplemented_method',
  'unimplemented_service',
  'status_code_and_message',
  'custom_metadata',
]
/** The client gets a token for its calls. Ours comes from a server in place of Google's. */
const WITH_TOKENS = [
  'compute_engine_creds',
  'jwt_token_creds',
  'oauth2_auth_token',
  'per_rpc_creds',
  'service_account_creds',
]

let files: CertificateFiles
beforeAll(() => {
  ensureBuilt()
  files = interopCertificate().files
})

describe.skipIf('missing' in ruby).each(SECURITIES)("gRPC's interop client for Ruby, %s", (security) => {
  let port: string
  beforeAll(async () => {
    port = (await startInteropServer(security, files)).port
  })

  it.concurrent.each(PASSING)('passes %s', (name) => expectPass(name, security, port))
})

describe.skipIf('missing' in ruby)("gRPC's interop client for Ruby, with tokens", () => {
  let tokens: TokenServer
  let port: string
  beforeAll(async () => {
    tokens = await startTokenServer()
    port = (await startInteropServer('tls', files, ['--public-key', tokens.publicKeyFile])).port
    return tokens.close
  })

  it.concurrent.each(WITH_TOKENS)('passes %s', async (name) => {
    const { email, scope, url, accountFile } = tokens
    // Without the file, the client believes that its machine is one of Google's cloud. A JSON Web Token has no scope.
    const account = name === 'compute_engine_creds' ? {} : { GOOGLE_APPLICATION_CREDENTIALS: accountFile }
    const oauth = name === 'jwt_token_creds' ? [] : ['--oauth_scope', scope]
    const flags = [...oauth, '--default_service_account', email]
    await expectPass(name, 'tls', port, flags, { INTEROP_TOKENS: url, ...account })
  })
})

async function expectPass(
  name: string,
  security: Security,
  port: string,
  flags: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { ca, cert, key } = rubyCertificate(files)
  const own = security === 'mutual' ? { ...ca, ...cert, ...key } : {}
  const tls = [`--use_tls=${security !== 'plain'}`, '--use_test_ca=false']
  const server = ['--server_host=127.0.0.1', `--server_port=${port}`]
  const args = [interopChild('interop-client.rb'), client, ...server, ...tls, ...flags, `--test_case=${name}`]
  const { code, stdout, stderr } = await runProgram('ruby', args, {
    env: { GRPC_DEFAULT_SSL_ROOTS_FILE_PATH: files.ca, ...own, ...env },
  })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain(`OK: ${name}`)
}

it("has a row in docs/coverage.md for each case of gRPC's interop client for Ruby", () => {
  expect(coverageOf('Ruby client')).toEqual({
    passed: new Set([...PASSING, ...WITH_TOKENS]),
    others: new Set(),
  })
})
