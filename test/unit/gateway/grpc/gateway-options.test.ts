import { describe, expect, it } from 'vitest'
import { resolveGatewayOptions } from '../../../../src/gateway/grpc/gateway-options.js'
import { policy } from '../../../../src/service/auth/policy.js'
import { createChannelPair } from '../../../../src/testing/channel-pair.js'
import { Users } from '../../../support/grpc-gateways.js'
import { testContract } from '../../../support/services.js'

const services = [{ contract: Users, target: 'users' }]
const listen = '127.0.0.1:0'

describe('the options of a gateway', () => {
  it('need no services if there are tunnels', () => {
    for (const tunnelsOnly of [{}, { services: [] }]) {
      const settings = resolveGatewayOptions({ ...tunnelsOnly, listen, tunnels: { allow: ['prices'] } })
      expect([settings.services, settings.tunnels?.sessions]).toEqual([[], 0])
    }
  })

  it('have defaults', () => {
    const settings = resolveGatewayOptions({ services, listen: '[::1]:50051' })
    expect(settings).toEqual({
      host: '::1',
      port: 50_051,
      tls: undefined,
      services: [{ contract: Users, target: 'users', client: {} }],
      interceptors: [],
      admission: expect.any(Object),
      rateLimits: undefined,
      tunnels: undefined,
      reflection: false,
      compression: false,
      correlates: expect.any(Function) as () => boolean,
      passes: expect.any(Function),
      maxMessageBytes: 4 * 1024 * 1024,
      maxStreams: 100,
      maxConnections: 1_000,
      maxHeaderBytes: 16 * 1024,
      maxAgeMs: Number.POSITIVE_INFINITY,
      maxIdleMs: 300_000,
      keepAliveMs: 60_000,
      keepAliveTimeoutMs: 20_000,
      logger: undefined,
      signal: undefined,
    })
    expect(settings.passes('x-app')).toBe(true)
    expect(settings.passes('authorization')).toBe(false)
  })

  it.each<[string, object, RegExp]>([
    ['an unknown name', { maxStream: 1 }, /unknown option "maxStream"; did you mean "maxStreams"\?/],
    ['no services and no tunnels', { services: [] }, /has nothing to pass on; pass services, or tunnels/],
    [
      'services that are not an array',
      { services: {} },
      /services is .*; it must be an array of \{ contract/,
    ],
    ['tunnels that are not an object', { tunnels: true }, /tunnels is true; it must be an object/],
    ['tunnels without names', { tunnels: {} }, /tunnels\.allow is undefined; it must be an array of names/],
    ['an address of a tunnel', { tunnels: { allow: ['tcp://127.0.0.1:1'] } }, /tunnels\.allow is "tcp:/],
    ['an unknown option of tunnels', { tunnels: { allow: [], names: [] } }, /unknown option "names"/],
    ['no sessions', { tunnels: { allow: [], maxSessions: 0 } }, /tunnels\.maxSessions is 0/],
    ['a window that is too short', { tunnels: { allow: [], windowBytes: 1 } }, /tunnels\.windowBytes is 1/],
    [
      'an authorize that is not a function',
      { tunnels: { allow: [], authorize: true } },
      /tunnels\.authorize/,
    ],
    [
      'a rule for a method that tunnels do not have',
      { tunnels: { allow: [] }, policy: policy({ 'shmwire.v1.TunnelService/open': true }) },
      /did you mean "shmwire\.v1\.TunnelService\/Open"/,
    ],
    ['a service without a contract', { services: [{ target: 'a' }] }, /services\[0\]\.contract is undefined/],
    [
      'a contract that is not from a .proto file',
      { services: [{ contract: testContract({ get: 'unary' }), target: 'a' }] },
      /services\[0\]\.contract, test\.Service, does not come from a \.proto file, so its fields have no numbers; use protoContract/,
    ],
    [
      'a target of another type',
      { services: [{ contract: Users, target: 7 }] },
      /services\[0\]\.target is 7/,
    ],
    [
      'an unknown option of a service',
      { services: [{ ...services[0], name: 'a' }] },
      /unknown option "name"/,
    ],
    [
      'an unknown option of a client',
      { services: [{ ...services[0], client: { waitForServer: true } }] },
      /unknown option "waitForServer"/,
    ],
    [
      'a contract twice',
      { services: [...services, ...services] },
      /services\[1\] and services\[0\] have the same contract, user\.UserService/,
    ],
    [
      'an address without a port',
      { listen: 'localhost' },
      /listen is "localhost"; it must be a host, a colon and a port/,
    ],
    ['an address with a scheme', { listen: 'tcp://localhost:1' }, /listen is "tcp:\/\/localhost:1"/],
    ['a port that is too high', { listen: 'localhost:65536' }, /listen is "localhost:65536"/],
    [
      'plain text beyond this machine',
      { listen: '0.0.0.0:50051' },
      /0\.0\.0\.0:50051 is not encrypted and can be reached from other machines; pass the option tls, or insecure: true/,
    ],
    ['TLS without a certificate', { tls: {} }, /the option tls for 127\.0\.0\.1:0 needs a certificate/],
    [
      'certificates of clients without an authority',
      { tls: { cert: 'c', key: 'k', requestCert: true } },
      /tls\.requestCert for 127\.0\.0\.1:0 needs tls\.ca/,
    ],
    [
      'a metadata that is not an array',
      { metadata: 'x-app' },
      /metadata is "x-app"; it must be an array of names/,
    ],
    ['an interceptor that is not a function', { interceptors: [1] }, /interceptors is/],
    ['a flag that is not a boolean', { reflection: 1 }, /reflection is 1; it must be true or false/],
    [
      'streams over the limit',
      { maxStreams: 10_001 },
      /maxStreams is 10001; it must be an integer from 1 to 10000/,
    ],
    [
      'headers below the limit',
      { maxHeaderBytes: 100 },
      /maxHeaderBytes is 100; it must be an integer from 1024 to 65536/,
    ],
    [
      'an age that is too short',
      { maxConnectionAgeMs: 10 },
      /maxConnectionAgeMs is 10; it must be a number of milliseconds from 1000/,
    ],
    ['an unknown time of pings', { keepAlive: { everyMs: 1 } }, /unknown option "everyMs"/],
    [
      'pings that are too frequent',
      { keepAlive: { intervalMs: 1 } },
      /keepAlive\.intervalMs is 1; it must be/,
    ],
    [
      'a logger without methods',
      { logger: {} },
      /logger is \[object Object\]; it must be an object with the methods/,
    ],
    ['a signal of another type', { signal: {} }, /signal is \[object Object\]; it must be an AbortSignal/],
  ])('do not have %s', (_what, options, message) => {
    expect(() => resolveGatewayOptions({ services, listen, ...options })).toThrow(message)
  })

  it('accept what leaves this machine with TLS or on demand', () => {
    const tls = { cert: 'c', key: 'k' }
    expect(resolveGatewayOptions({ services, listen: '0.0.0.0:1', tls }).tls).toBe(tls)
    expect(resolveGatewayOptions({ services, listen: '0.0.0.0:1', insecure: true }).tls).toBeUndefined()
  })

  it('accept each form of a target', () => {
    const [channel] = createChannelPair()
    for (const target of ['users', channel, async () => channel])
      expect(
        resolveGatewayOptions({ services: [{ contract: Users, target }], listen }).services[0]?.target,
      ).toBe(target)
  })
})
