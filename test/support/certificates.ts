import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A key with its certificate, in PEM, and the authority that has signed it. */
export interface Certificate {
  readonly cert: string
  readonly key: string
  readonly ca: string
}

const DAYS = ['-days', '30']
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

/** A certificate authority of one test file, which signs certificates for `localhost` and 127.0.0.1. */
export class Authority {
  readonly #directory = mkdtempSync(join(tmpdir(), 'sw-ca-'))
  readonly ca: string

  constructor() {
    this.#openssl(
      'req',
      '-x509',
      ...NEW_KEY,
      ...DAYS,
      '-subj',
      '/CN=authority',
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
    )
    this.ca = this.#read('ca.pem')
  }

  /** Signs a certificate with a common name. With 'expired', it was valid until yesterday. */
  sign(name: string, validity: 'valid' | 'expired' = 'valid'): Certificate {
    this.#openssl('req', ...NEW_KEY, '-subj', `/CN=${name}`, '-keyout', 'leaf.key', '-out', 'leaf.csr')
    writeFileSync(join(this.#directory, 'san'), 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1')
    const signer = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'san']
    const days = validity === 'valid' ? DAYS : ['-days', '-1']
    this.#openssl('x509', '-req', '-in', 'leaf.csr', ...signer, ...days, '-out', 'leaf.pem')
    return { cert: this.#read('leaf.pem'), key: this.#read('leaf.key'), ca: this.ca }
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true })
  }

  #openssl(...args: string[]): void {
    execFileSync('openssl', args, { cwd: this.#directory, stdio: 'pipe' })
  }

  #read(file: string): string {
    return readFileSync(join(this.#directory, file), 'utf8')
  }
}

let shared: Certificate | undefined

/** The same certificate for both sides of all connections of a test file. */
export function sharedCertificate(): Certificate {
  if (shared === undefined) {
    const authority = new Authority()
    shared = authority.sign('localhost')
    authority.remove()
  }
  return shared
}
