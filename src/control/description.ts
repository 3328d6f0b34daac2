/** The payloads of DESCRIBE and DESCRIPTION (docs/protocol.md, "Descriptions"). Every member is input from the peer and is checked. */
import type { ShmwireError } from '../errors.js'
import { invalid, misuse } from '../options.js'
import { Members, PID_MAX } from './control-messages.js'

/** A service that a server announces. */
export interface AnnouncedService {
  /** For example `'user.UserService'`. */
  readonly name: string
  /** Identifies the contract of the service: equal hashes mean equal contracts. Undefined if the service has no contract. */
  readonly hash: string | undefined
}

/** The answer of a server to a client that wants no channel. */
export interface Description {
  /** Random, so that a server differs from its successor with the same name, also in the same process. */
  readonly id: string
  readonly pid: number
  /** When it began to listen, in milliseconds since 1970. */
  readonly startedAtMs: number
  readonly services: readonly AnnouncedService[]
  /** The server answers OBSERVE. */
  readonly observe: boolean
}

const ID = /^[0-9a-f]{32}$/
/** The largest time of a Date. */
const TIME_MS_MAX = 8.64e15
/** With their longest names and hashes, so many services still fit into one frame. */
export const SERVICES_MAX = 128
/**
 * Visible ASCII without quotes and backslashes: one byte for each character, in JSON and in a log. The name of a service without a contract
 * can be empty.
 */
const SERVICE_NAME = /^[!#-[\]-~]{0,256}$/
const SERVICE_HASH = /^[!#-[\]-~]{1,128}$/

/** The id of the client's process, as it states it. Throws `CORRUPT`. */
export function readDescribe(payload: Buffer): number {
  return new Members('DESCRIBE', payload).integer('pid', 1, PID_MAX)
}

/** Throws `CORRUPT`. */
export function readDescription(payload: Buffer): Description {
  const members = new Members('DESCRIPTION', payload)
  const id = members.get('id')
  if (typeof id !== 'string' || !ID.test(id)) throw members.fault('id', '32 hexadecimal digits')
  return {
    id,
    pid: members.integer('pid', 1, PID_MAX),
    startedAtMs: members.integer('startedAtMs', 0, TIME_MS_MAX),
    services: servicesFrom(members.get('services'), (expected) => members.fault('services', expected)),
    observe: members.get('observe') === true,
  }
}

/** Checks the services that this process announces. Throws `INVALID_ARGUMENT`. */
export function checkServices(services: unknown): AnnouncedService[] {
  if (Array.isArray(services) && services.length > SERVICES_MAX)
    throw misuse(`a server can have ${SERVICES_MAX} services, not ${services.length}; use another server`)
  return servicesFrom(services, (expected) => invalid('services', services, expected))
}

function servicesFrom(value: unknown, fault: (expected: string) => ShmwireError): AnnouncedService[] {
  if (!Array.isArray(value) || value.length > SERVICES_MAX)
    throw fault(`an array of at most ${SERVICES_MAX} services`)
  return value.map((service: unknown) => {
    const { name, hash } = (service ?? {}) as Partial<Record<keyof AnnouncedService, unknown>>
    if (typeof name !== 'string' || !SERVICE_NAME.test(name))
      throw fault(
        'an array whose members have a name of at most 256 visible ASCII characters other than " and \\',
      )
    if (hash === undefined) return { name, hash: undefined }
    if (typeof hash === 'string' && SERVICE_HASH.test(hash)) return { name, hash }
    throw fault(
      'an array whose members have a hash of 1 to 128 visible ASCII characters other than " and \\, or none',
    )
  })
}
