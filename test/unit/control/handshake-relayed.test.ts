import { once } from 'node:events'
import { createConnection } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { type LocalAddress, parseAddress } from '../../../src/address.js'
import type { Channel } from '../../../src/channel/channel.js'
import { ErrorCode } from '../../../src/errors.js'
import { listen, type Server } from '../../../src/listen.js'
import type { ChannelOptions } from '../../../src/options.js'
import type { Peer } from '../../../src/peer.js'
import { FrameKind } from '../../../src/wire/frames.js'
import { localAddress } from '../../support/local-address.js'
import { HELLO, RawPeer } from '../../support/raw-peer.js'
import { temporaryDirectory } from '../../support/temporary-directory.js'

const RELAYED = { transport: 'grpc', address: '192.0.2.7' }
const UNKNOWN = { pid: undefined, uid: undefined, gid: undefined, verified: false, address: '192.0.2.7' }

let server: Server | undefined

afterEach(() => server?.close())

/** A server, and a connection to it, as of a gateway. */
async function serverAndPeer(options: ChannelOptions = {}, hello: object = {}): Promise<RawPeer> {
  const address = localAddress(temporaryDirectory())
  server = await listen(address, options)
  const { path } = parseAddress(address) as LocalAddress
  const peer = new RawPeer(createConnection({ path }))
  peer.preamble().send('HELLO', { ...HELLO, relayed: RELAYED, ...hello })
  await peer.readPreamble()
  return peer
}

describe('a client behind a gateway', () => {
  it('gets no shared memory, and is not a process of this machine', async () => {
    const peer = await serverAndPeer()
    const accepted = once(server as Server, 'channel') as Promise<[Channel]>
    expect(await peer.read()).toMatchObject({
      kind: FrameKind.OFFER,
      message: { transport: 'socket', reason: 'the client is connected through a gateway' },
    })
    peer.send('READY')
    const [channel] = await accepted
    expect([channel.transport, channel.peer]).toEqual(['grpc', UNKNOWN])
    channel.destroy()
  })

  it('has the identity that a gateway of the same user states', async () => {
    const identity = { subject: 'ann', scopes: ['prices:read'], roles: [] }
    const peer = await serverAndPeer({}, { relayed: { ...RELAYED, identity } })
    const accepted = once(server as Server, 'channel') as Promise<[Channel]>
    await peer.read()
    peer.send('READY')
    const [channel] = await accepted
    expect(channel.peer).toEqual({ ...UNKNOWN, identity })
    channel.destroy()
  })

  it('is refused if it insists on shared memory', async () => {
    const peer = await serverAndPeer({}, { transport: 'shm' })
    expect(await peer.read()).toMatchObject({
      kind: FrameKind.REJECT,
      message: { code: ErrorCode.UNAVAILABLE, message: 'the client is connected through a gateway' },
    })
    peer.socket.destroy()
  })

  it.each([
    ['the gateway', (peer: Peer) => peer.address === '192.0.2.7', 1],
    ['the client', (peer: Peer) => peer.address === undefined, 2],
  ])('needs the consent of authorize, as its gateway does: it refuses %s', async (_who, allows, calls) => {
    const peers: Peer[] = []
    const authorize = (peer: Peer): boolean => {
      peers.push(peer)
      return allows(peer)
    }
    const peer = await serverAndPeer({ authorize })
    expect(await peer.read()).toMatchObject({ kind: FrameKind.REJECT, message: { code: ErrorCode.DENIED } })
    expect(peers.length).toBe(calls)
    if (calls === 2) expect(peers[1]).toEqual(UNKNOWN)
    peer.socket.destroy()
  })
})
