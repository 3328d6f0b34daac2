import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { normalizedAddress, TrustedProxies } from '../../../src/gateway/client-address.js'

const PROXIES = ['10.0.0.0/8', '127.0.0.1', 'fd00::/8']

describe('TrustedProxies', () => {
  const proxies = new TrustedProxies(PROXIES)

  it.each<[string, string | undefined, string | string[] | undefined, string]>([
    ['a direct client', '192.0.2.1', undefined, '192.0.2.1'],
    ['a header of an untrusted client', '192.0.2.1', '198.51.100.9', '192.0.2.1'],
    ['a proxy without the header', '10.0.0.1', undefined, '10.0.0.1'],
    ['a proxy with an empty header', '10.0.0.1', '', '10.0.0.1'],
    ['a client behind one proxy', '10.0.0.1', '192.0.2.1', '192.0.2.1'],
    ['a client behind two proxies', '127.0.0.1', '192.0.2.1, 10.2.3.4', '192.0.2.1'],
    ['a client that forges an entry', '10.0.0.1', '198.51.100.9, 192.0.2.1', '192.0.2.1'],
    ['a client that forges a trusted address', '10.0.0.1', '10.9.9.9, 192.0.2.1', '192.0.2.1'],
    ['a request of a proxy itself', '127.0.0.1', '10.0.0.7', '10.0.0.7'],
    ['a malformed entry', '10.0.0.1', '192.0.2.1, nonsense', '10.0.0.1'],
    ['a malformed entry behind a proxy', '10.0.0.1', '192.0.2.1, unknown, 10.0.0.2', '10.0.0.2'],
    ['an empty entry', '10.0.0.1', '192.0.2.1,,10.0.0.2', '10.0.0.2'],
    ['a trailing comma', '10.0.0.1', '192.0.2.1,', '10.0.0.1'],
    ['a port', '10.0.0.1', '192.0.2.1:4711', '192.0.2.1'],
    ['brackets and a port', '10.0.0.1', '[2001:db8::1]:4711', '2001:db8::1'],
    ['brackets', '10.0.0.1', '[2001:DB8::1]', '2001:db8::1'],
    ['an address that is mapped into IPv6', '::ffff:10.0.0.1', '::ffff:192.0.2.1', '192.0.2.1'],
    ['a hexadecimal mapped address', '10.0.0.1', '::ffff:c000:201', '192.0.2.1'],
    ['a proxy with an IPv6 address', 'fd00::1', '2001:db8::1', '2001:db8::1'],
    ['two headers', '10.0.0.1', ['192.0.2.1', '10.0.0.2'], '192.0.2.1'],
    ['no address', undefined, '192.0.2.1', 'unknown'],
  ])('finds the address with %s', (_case, peer, header, expected) => {
    expect(proxies.clientOf(peer, header)).toBe(expected)
  })

  it('follows at most 32 trusted proxies', () => {
    const hops = Array.from({ length: 40 }, (_, index) => `10.0.0.${index + 1}`)
    expect(proxies.clientOf('127.0.0.1', hops.join(','))).toBe('10.0.0.9')
  })

  it('trusts no proxy by default', () => {
    expect(new TrustedProxies(undefined).clientOf('127.0.0.1', '192.0.2.1')).toBe('127.0.0.1')
    expect(new TrustedProxies([]).clientOf('127.0.0.1', '192.0.2.1')).toBe('127.0.0.1')
  })

  it('ignores everything that a client sends before the address that its proxy appends', () => {
    fc.assert(
      fc.property(fc.string(), fc.ipV4(), (forged, hop) => {
        const direct = new TrustedProxies(['127.0.0.1'])
        fc.pre(hop !== '127.0.0.1')
        expect(direct.clientOf('127.0.0.1', `${forged}, ${hop}`)).toBe(hop)
        expect(direct.clientOf(hop, forged)).toBe(hop)
      }),
    )
  })

  it.each([
    [['10.0.0.0/33'], 'trustedProxies[0] is "10.0.0.0/33"; it must be an IP address or a subnet'],
    [['127.0.0.1', 'proxy'], 'trustedProxies[1] is "proxy"'],
    [['fd00::/129'], 'trustedProxies[0] is "fd00::/129"'],
    [['::ffff:10.0.0.0/104'], 'trustedProxies[0] is "::ffff:10.0.0.0/104"'],
    [['10.0.0.0/8/8'], 'trustedProxies[0]'],
    [[7], 'trustedProxies[0] is 7'],
    [['0.0.0.0/0'], 'trusts every client to state its own address'],
    ['10.0.0.1', 'trustedProxies is "10.0.0.1"; it must be an array of at most 1000'],
  ])('rejects the option %j', (option, message) => {
    expect(() => new TrustedProxies(option as string[])).toThrow(
      expect.objectContaining({
        code: 'ERR_SHMWIRE_INVALID_ARGUMENT',
        message: expect.stringContaining(message),
      }),
    )
  })
})

describe('normalizedAddress', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::FFFF:192.0.2.1', '192.0.2.1'],
    ['0:0:0:0:0:ffff:c000:0201', '192.0.2.1'],
    ['::ffff:0:c000:201', '::ffff:0:c000:201'],
    ['fe80::1%eth0', 'fe80::1'],
    ['2001:DB8::A', '2001:db8::a'],
    ['::', '::'],
    ['192.0.2', undefined],
    ['', undefined],
  ])('converts %j to %j', (text, expected) => {
    expect(normalizedAddress(text)).toBe(expected)
  })
})
