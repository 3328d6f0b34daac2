import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { identifyRemotePeer, ownerOfAddress, remotePeerFault } from '../../../src/control/remote-identity.js'
import { ErrorCode } from '../../../src/errors.js'
import { resolveOptions } from '../../../src/options.js'

describe('ownerOfAddress', () => {
  it.each([
    ['10.0.0.1', 'host 10.0.0.1'],
    ['::ffff:10.0.0.1', 'host ::ffff:10.0.0.1'],
    ['::1', 'subnet 0:0:0:0'],
    ['::', 'subnet 0:0:0:0'],
    ['2001:db8:1:2:3:4:5:6', 'subnet 2001:db8:1:2'],
    ['2001:db8::5:6', 'subnet 2001:db8:0:0'],
    ['2001:db8:1:2::', 'subnet 2001:db8:1:2'],
    ['fe80::1%eth0', 'subnet fe80:0:0:0'],
    [undefined, 'unknown'],
  ])('counts %s as %s', (address, owner) => {
    expect(ownerOfAddress(address)).toBe(owner)
  })
})

describe('identifyRemotePeer', () => {
  it('does not verify a resumed TLS session without a certificate, which node:tls authorizes', () => {
    const raw = Buffer.of(1)
    for (const [certificate, verified] of [
      [{}, false],
      [{ raw }, true],
    ] as const) {
      const socket = Object.assign(new PassThrough(), {
        encrypted: true,
        authorized: true,
        getPeerCertificate: () => certificate,
      })
      expect(identifyRemotePeer(socket)).toMatchObject({
        verified,
        certificate: verified ? { raw } : undefined,
      })
    }
  })
})

describe('remotePeerFault', () => {
  const peer = identifyRemotePeer(new PassThrough())

  it('trusts streams and children, which the user has created', () => {
    for (const transport of ['stream', 'stdio'] as const)
      expect(remotePeerFault(peer, transport, resolveOptions())).toBeUndefined()
  })

  it('denies any other peer that nothing has verified, unless authorize accepts it', () => {
    for (const transport of ['tcp', 'tls', 'pipe'] as const) {
      expect(remotePeerFault(peer, transport, resolveOptions())).toMatchObject({
        code: ErrorCode.DENIED,
        message: expect.stringContaining('the peer is not verified') as string,
      })
      expect(remotePeerFault({ ...peer, verified: true }, transport, resolveOptions())).toBeUndefined()
      expect(remotePeerFault(peer, transport, resolveOptions({ authorize: () => true }))).toBeUndefined()
    }
  })
})
