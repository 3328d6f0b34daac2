// A channel to the service itself: through shared memory, a Unix socket, or TCP with TLS.
import { client, connect } from 'shmwire'
import { Users } from '../contract.mjs'

export const sharedMemory = {
  name: 'shared memory',
  open: () => overChannel(connect('users', { transport: 'shm' })),
}

export const unixSocket = {
  name: 'Unix socket',
  open: () => overChannel(connect('users', { transport: 'socket' })),
}

export const tlsSocket = {
  name: 'TCP, mutual TLS',
  open: ({ places, tls }) => overChannel(connect(places.tls, { tls })),
}

/** A client over any channel. */
export async function overChannel(opening) {
  const channel = await opening
  return { transport: channel.transport, users: await client(channel, { contract: Users }), channel }
}
