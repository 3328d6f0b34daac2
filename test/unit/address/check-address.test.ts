import { describe, expect, it } from 'vitest'
import { checkConnectAddress, checkListenAddress } from '../../../src/address/check-address.js'
import { formatNetworkAddress, isLoopback } from '../../../src/address/network-address.js'
import { parseAddress } from '../../../src/address.js'
import { ErrorCode } from '../../../src/errors.js'
import { type ChannelOptions, resolveOptions } from '../../../src/options.js'

const authorize = () => true
const certificate = { cert: 'c', key: 'k' }

function listenFault(address: string, options: ChannelOptions = {}): string | undefined {
  return faultOf(() => checkListenAddress(parseAddress(address), resolveOptions(options)))
}

function connectFault(address: string, options: ChannelOptions = {}): string | undefined {
  return faultOf(() => checkConnectAddress(parseAddress(address), resolveOptions(options)))
}

function faultOf(check: () => void): string | undefined {
  try {
    check()
    return undefined
  } catch (error) {
    expect(error).toMatchObject({ code: ErrorCode.INVALID_ARGUMENT })
    return (error as Error).message
  }
}

describe('a tcp address', () => {
  it.each([
    'tcp://127.0.0.1:1',
    'tcp://127.9.8.7:1',
    'tcp://[::1]:1',
    'tcp://localhost:1',
    'tcp://LocalHost:1',
  ])('is accepted on loopback with authorize: %s', (address) => {
    for (const fault of [listenFault, connectFault]) {
      expect(fault(address, { authorize })).toBeUndefined()
      expect(fault(address)).toContain('pass the option authorize')
    }
  })

  it.each([
    'tcp://0.0.0.0:1',
    'tcp://[::]:1',
    'tcp://10.0.0.1:1',
    'tcp://128.0.0.1:1',
    'tcp://[fe80::1]:1',
    'tcp://localhost.example.org:1',
    'tcp://127.1:1',
  ])('is refused beyond this machine unless insecure is true: %s', (address) => {
    for (const fault of [listenFault, connectFault]) {
      expect(fault(address, { authorize })).toContain('pass insecure: true if every host')
      expect(fault(address, { authorize, insecure: true })).toBeUndefined()
    }
  })

  it('refuses shared memory and certificates', () => {
    const address = 'tcp://127.0.0.1:1'
    expect(listenFault(address, { authorize, transport: 'shm' })).toContain('carries no shared memory')
    expect(connectFault(address, { authorize, tls: certificate })).toContain('is for tls:// addresses')
  })

  it('has a port to connect to', () => {
    expect(connectFault('tcp://127.0.0.1:0', { authorize })).toContain('port 0, which is for listen only')
    expect(listenFault('tcp://127.0.0.1:0', { authorize })).toBeUndefined()
  })
})

describe('a tls address', () => {
  const address = 'tls://example.org:443'

  it('needs a certificate, and the authority of the clients, to listen', () => {
    expect(listenFault(address)).toContain('cert and key, or pfx')
    expect(listenFault(address, { tls: certificate })).toContain('needs tls.ca')
    expect(listenFault(address, { tls: { ...certificate, ca: 'a' } })).toBeUndefined()
    expect(listenFault(address, { tls: certificate, authorize })).toBeUndefined()
  })

  it('needs authorize where certificates are not verified', () => {
    const ca = 'a'
    for (const name of ['requestCert', 'rejectUnauthorized']) {
      const tls = { ...certificate, ca, [name]: false }
      expect(listenFault(address, { tls })).toContain(`tls.${name} is false`)
      expect(listenFault(address, { tls, authorize })).toBeUndefined()
    }
    expect(connectFault(address)).toBeUndefined()
    expect(connectFault(address, { tls: { rejectUnauthorized: false } })).toContain('is not verified')
  })
})

describe('a unix address', () => {
  it('refuses certificates', () => {
    expect(listenFault('prices', { tls: certificate })).toContain('the address is prices')
    expect(listenFault('prices', { insecure: true })).toBeUndefined()
  })
})

describe('isLoopback', () => {
  it('accepts mapped addresses of IPv4, and no name but localhost', () => {
    expect(isLoopback('::ffff:127.0.0.1')).toBe(true)
    expect(isLoopback('::ffff:10.0.0.1')).toBe(false)
    expect(isLoopback('localhost.')).toBe(false)
  })
})

describe('formatNetworkAddress', () => {
  it('puts IPv6 addresses into brackets', () => {
    expect(formatNetworkAddress('tcp', '::1', 7)).toBe('tcp://[::1]:7')
    expect(formatNetworkAddress('tls', 'host', 7)).toBe('tls://host:7')
  })
})
