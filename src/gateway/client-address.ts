import { BlockList, isIP } from 'node:net'
import { invalid, misuse, show } from '../options.js'

/** Of a client that is connected over a Unix socket. */
export const NO_ADDRESS = 'unknown'

const PROXIES_MAX = 1_000
/** A chain of trusted proxies that is longer than this is a mistake or an attack. */
const HOPS_MAX = 32
/** The longest entry has an IPv6 address, brackets and a port. */
const ENTRY_CHARACTERS_MAX = 64
const IPV4_BITS = 32
const IPV6_BITS = 128
const CIDR = /^([^/]+)(?:\/(\d{1,3}))?$/
/** Some proxies add the port. */
const WITH_PORT = /^(?:\[([^\]]+)\](?::\d{1,5})?|([\d.]+):\d{1,5})$/
const IPV4_MAPPED = /^::ffff:([\d.]+)$/i

/**
 * Finds the addresses of clients behind trusted proxies, from the header `x-forwarded-for`. Each proxy appends the address that it has seen,
 * so the header is read from its end, and only as far as trusted proxies have written it: what a client itself has sent has no effect.
 * The header `forwarded` (RFC 7239) is not read, because a client could send it through proxies that write `x-forwarded-for` only.
 */
export class TrustedProxies {
  readonly #trusted: BlockList | undefined

  /** `proxies`: IP addresses and subnets such as `'10.0.0.0/8'`. Undefined: none. Throws `INVALID_ARGUMENT`. */
  constructor(proxies: readonly string[] | undefined) {
    if (proxies === undefined) return
    if (!Array.isArray(proxies) || proxies.length > PROXIES_MAX)
      throw invalid('trustedProxies', proxies, `an array of at most ${PROXIES_MAX} IP addresses and subnets`)
    if (proxies.length === 0) return
    this.#trusted = new BlockList()
    for (const [index, proxy] of proxies.entries()) addProxy(this.#trusted, proxy, index)
  }

  /** The client of a request: `peer` is the address of its socket. A malformed entry ends the walk at the proxy that passed it on. */
  clientOf(peer: string | undefined, forwardedFor: string | readonly string[] | undefined): string {
    let client = normalizedAddress(peer ?? '') ?? NO_ADDRESS
    if (this.#trusted === undefined || forwardedFor === undefined) return client
    const text = typeof forwardedFor === 'string' ? forwardedFor : forwardedFor.join(',')
    let end = text.length
    for (let hop = 0; hop < HOPS_MAX && end >= 0 && this.trusts(client); hop += 1) {
      const comma = end === 0 ? -1 : text.lastIndexOf(',', end - 1)
      const address = addressOfEntry(text, comma + 1, end)
      if (address === undefined) break
      client = address
      end = comma
    }
    return client
  }

  /** Whether the address is that of a trusted proxy. */
  trusts(address: string): boolean {
    const family = isIP(address)
    return family !== 0 && this.#trusted?.check(address, family === 6 ? 'ipv6' : 'ipv4') === true
  }
}

/** Undefined: not an IP address. An IPv4 address that is mapped into IPv6 becomes an IPv4 address; the zone of a link-local one is removed. */
export function normalizedAddress(text: string): string | undefined {
  const family = isIP(text)
  if (family === 4) return text
  if (family === 0) return undefined
  const zone = text.indexOf('%')
  const address = zone === -1 ? text : text.slice(0, zone)
  const mapped = IPV4_MAPPED.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  const groups = groupsOf(address)
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff
  return isMapped ? ipv4Of(groups[6] as number, groups[7] as number) : address.toLowerCase()
}

/** The 8 numbers of a valid IPv6 address without a zone. */
export function groupsOf(address: string): number[] {
  const [head = '', tail] = address.split('::')
  const front = numbersOf(head)
  if (tail === undefined) return front
  const back = numbersOf(tail)
  return [...front, ...Array.from({ length: 8 - front.length - back.length }, () => 0), ...back]
}

function numbersOf(groups: string): number[] {
  if (groups === '') return []
  return groups.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)]
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number)
    return [a * 256 + b, c * 256 + d]
  })
}

function ipv4Of(high: number, low: number): string {
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.')
}

function addressOfEntry(text: string, start: number, end: number): string | undefined {
  const entry = text.slice(start, end).trim()
  if (entry.length > ENTRY_CHARACTERS_MAX) return undefined
  const [, bracketed, beforePort] = WITH_PORT.exec(entry) ?? []
  return normalizedAddress(bracketed ?? beforePort ?? entry)
}

function addProxy(trusted: BlockList, proxy: unknown, index: number): void {
  const place = `trustedProxies[${index}]`
  const [, text = '', bits] = (typeof proxy === 'string' ? CIDR.exec(proxy) : null) ?? []
  const address = normalizedAddress(text)
  const isMapped = address !== undefined && isIP(address) !== isIP(text)
  const bitsMax = address !== undefined && isIP(address) === 6 ? IPV6_BITS : IPV4_BITS
  if (address === undefined || (isMapped && bits !== undefined) || Number(bits ?? bitsMax) > bitsMax)
    throw invalid(place, proxy, "an IP address or a subnet, as in '127.0.0.1', '10.0.0.0/8' or 'fd00::/8'")
  if (Number(bits ?? bitsMax) === 0)
    throw misuse(
      `${place} is ${show(proxy)}, which trusts every client to state its own address; name the subnets of the proxies`,
    )
  trusted.addSubnet(address, Number(bits ?? bitsMax), bitsMax === IPV6_BITS ? 'ipv6' : 'ipv4')
}
