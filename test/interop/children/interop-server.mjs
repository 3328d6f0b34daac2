// Serves `grpc.testing.TestService` through a gateway, for the interop clients of gRPC, until SIGINT or SIGTERM.
//   npm run interop:server -- PORT                                     plain text
//   npm run interop:server -- PORT --tls                               a new certificate for localhost
//   npm run interop:server -- PORT --cert FILE --key FILE [--ca FILE]  with --ca, clients need a certificate too
//   npm run interop:server -- PORT --compression                       compresses answers for clients that accept it
//   npm run interop:server -- PORT --public-key FILE                   verifies the tokens of clients
// It listens at 127.0.0.1, and prints one line when it is ready.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { serve } from '../../../dist/index.js'
import { isCompressed } from './compressed-flag.mjs'
import { testContract, testHandlers } from './test-service.mjs'

const FILE = { type: 'string' }
const FLAG = { type: 'boolean', default: false }
const OPTIONS = { tls: FLAG, cert: FILE, key: FILE, ca: FILE, compression: FLAG, 'public-key': FILE }
const PORT_MAX = 65_535
const NEW_CERTIFICATE =
  'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost'
const NAMES = 'subjectAltName=DNS:localhost,IP:127.0.0.1'

// The runtime directory of the service, which only this process uses.
const folder = mkdtempSync(join(tmpdir(), 'sw-'))
process.env['SHMWIRE_DIR'] = folder
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

const { port, compression, publicKey, tls, hint = '' } = readArguments()
// It takes `gunzip` of node:zlib when it is loaded, so that of compressed-flag.mjs.
const { grpcGateway } = await import('../../../dist/gateway/grpc/index.js')
const contract = await testContract()
const service = await serve('interop', testHandlers({ isCompressed, publicKey }), { contract })
const gateway = await grpcGateway({
  services: [{ contract, target: 'interop' }],
  listen: `127.0.0.1:${port}`,
  reflection: true,
  compression,
  metadata: ['x-grpc-test-*', ...(publicKey === undefined ? [] : ['authorization'])],
  tls,
})
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void close())
console.log(`${contract.name} is ready at 127.0.0.1:${gateway.port}${hint}`)

async function close() {
  await gateway.close()
  await service.close()
}

function readArguments() {
  try {
    const { values, positionals } = parseArgs({ allowPositionals: true, options: OPTIONS })
    const { cert, key, ca } = values
    const hasFiles = cert !== undefined && key !== undefined
    const [first, ...rest] = positionals
    if (rest.length > 0 || !(/^\d+$/.test(first) && Number(first) <= PORT_MAX))
      throw new Error(`PORT is from 0 to ${PORT_MAX}`)
    if (!hasFiles && (cert ?? key ?? ca) !== undefined) throw new Error('--cert and --key need each other')
    const files = hasFiles ? { cert, key, ...(ca && { ca }) } : values.tls && newCertificate()
    return {
      port: first,
      compression: values.compression,
      publicKey: values['public-key'] && readFileSync(values['public-key'], 'utf8'),
      ...(files && tlsOf(files)),
    }
  } catch (error) {
    console.error(
      `${error.message}\nusage: interop:server -- PORT [--compression] [--public-key FILE] [--tls | --cert FILE --key FILE [--ca FILE]]`,
    )
    process.exit(2)
  }
}

function tlsOf(files) {
  const texts = Object.entries(files).map(([name, file]) => [name, readFileSync(file, 'utf8')])
  const options = { ...Object.fromEntries(texts), requestCert: 'ca' in files }
  return { tls: options, hint: `, with the certificate ${files.cert}` }
}

function newCertificate() {
  const [cert, key] = ['cert.pem', 'key.pem'].map((name) => join(folder, name))
  execFileSync('openssl', [...NEW_CERTIFICATE.split(' '), '-addext', NAMES, '-keyout', key, '-out', cert], {
    stdio: 'pipe',
  })
  return { cert, key }
}
