import { invalid } from '../../options.js'

const REALM = /^[\x20\x21\x23-\x5b\x5d-\x7e]{1,128}$/

/** A challenge of the header `www-authenticate`. Throws `INVALID_ARGUMENT`. */
export function challengeOf(scheme: string, realm: unknown = 'shmwire'): string {
  if (typeof realm !== 'string' || !REALM.test(realm))
    throw invalid('realm', realm, 'a text of 1 to 128 visible ASCII characters and spaces without " and \\')
  return `${scheme} realm="${realm}"`
}
