// A tunnel over a WebSocket, which passes proxies and firewalls that know only HTTP.
import { connectTunnel } from 'shmwire/ws'
import { overChannel } from './channels.mjs'

export const webSocketTunnel = {
  name: 'WebSocket tunnel, mutual TLS',
  open: ({ places, tls }) =>
    overChannel(connectTunnel(`wss://${places.web}/tunnels/users`, { tls, upgrade: false })),
}
