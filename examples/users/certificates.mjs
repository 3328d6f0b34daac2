// Certificates for mutual TLS, made by openssl for one run. Real programs get theirs from the authority of their organization.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
const ONE_DAY = ['-days', '1']
const PROCESSES = ['service', 'gateway', 'client']
/** The name in all certificates, in place of the names and addresses of hosts. */
const SERVER_NAME = 'users.example'

/** Writes an authority, and a certificate for each process. */
export function writeCertificates(folder) {
  const openssl = (...words) => execFileSync('openssl', words, { cwd: folder, stdio: 'pipe' })
  openssl('req', '-x509', ...NEW_KEY, ...ONE_DAY, '-subj', '/CN=users', '-keyout', 'ca.key', '-out', 'ca.pem')
  writeFileSync(join(folder, 'names'), `subjectAltName=DNS:${SERVER_NAME}`)
  for (const name of PROCESSES) {
    const files = ['-keyout', `${name}.key`, '-out', `${name}.csr`]
    openssl('req', ...NEW_KEY, '-subj', `/CN=${name}`, ...files)
    const signer = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'names']
    openssl('x509', '-req', '-in', `${name}.csr`, ...signer, ...ONE_DAY, '-out', `${name}.pem`)
  }
}

/** The options of node:tls for the process with this name. */
export function tlsOf(folder, name) {
  const read = (file) => readFileSync(join(folder, file), 'utf8')
  return { ca: read('ca.pem'), cert: read(`${name}.pem`), key: read(`${name}.key`), servername: SERVER_NAME }
}
