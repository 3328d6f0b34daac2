import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Authority, type Certificate } from './certificates.js'
import { type RunningProgram, startProgram } from './program.js'
import { longDirectory } from './temporary-directory.js'

/** `plain`: without TLS. `mutual`: the server also checks the certificate of the client. */
export type Security = 'plain' | 'tls' | 'mutual'

export const SECURITIES: readonly Security[] = ['plain', 'tls', 'mutual']

/** The files of a certificate, for programs that take paths. */
export interface CertificateFiles {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** One certificate for servers and clients at localhost, as texts and as files. Call it in `beforeAll`. */
export function interopCertificate(): { readonly texts: Certificate; readonly files: CertificateFiles } {
  const authority = new Authority()
  const texts = authority.sign('localhost')
  authority.remove()
  const folder = longDirectory()
  const write = (name: keyof Certificate): string => {
    const file = join(folder, `${name}.pem`)
    writeFileSync(file, texts[name], { mode: 0o600 })
    return file
  }
  return { texts, files: { ca: write('ca'), cert: write('cert'), key: write('key') } }
}

/** The path of a program or file that the tests of this folder start. */
export function interopChild(name: string): string {
  return fileURLToPath(new URL(`../interop/children/${name}`, import.meta.url))
}

/** The descriptor set of the proto files of gRPC's interop tests. */
export const INTEROP_DESCRIPTORS = fileURLToPath(new URL('grpc-testing/grpc-testing.binpb', import.meta.url))

/** A server of `grpc.testing.TestService` behind a gateway, in another process. */
export interface InteropServer {
  readonly port: string
  readonly program: RunningProgram
}

/** Call it after `ensureBuilt`. The server compresses its answers, unless it has plain text. */
export async function startInteropServer(
  security: Security,
  { ca, cert, key }: CertificateFiles,
  flags: readonly string[] = [],
): Promise<InteropServer> {
  const tls = security === 'plain' ? [] : ['--cert', cert, '--key', key]
  const mutual = security === 'mutual' ? ['--ca', ca] : []
  const compression = security === 'plain' ? [] : ['--compression']
  const args = [interopChild('interop-server.mjs'), '0', ...tls, ...mutual, ...compression, ...flags]
  const program = await startProgram(process.execPath, args)
  return { port: portOf(program.line), program }
}

/** The port at the end of the line that a server prints, or before a comma. */
export function portOf(line: string): string {
  const port = /(?:^|:)(\d+)(?:,|$)/.exec(line)?.[1]
  if (port === undefined) throw new Error(`the server printed no port: ${line}`)
  return port
}
