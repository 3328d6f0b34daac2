// A process with another version of the protocol: it changes the constants of its own copy while it loads them.
//   skewed.mjs <role: server | client> <address> <transport> <constants: { PROTOCOL_MAJOR?, PROTOCOL_MINOR?, FEATURES? } as JSON>
// A server echoes calls and requests. A client reports the outcome of one call.
import { register } from 'node:module'

const [role, address, transport, constants] = process.argv.slice(2)
register('./skewed-loader.mjs', import.meta.url, { data: JSON.parse(constants) })
const { client, serve } = await import('../../../build/modules/index.js')

process.on('disconnect', () => process.exit())
if (role === 'server') {
  const { server } = await serve(address, { echo: (message) => message }, { channel: { transport } })
  server.on('channel', (channel) => channel.handle((request) => request))
  process.send('listening')
} else {
  try {
    const service = await client(address, { channel: { transport } })
    process.send({ answer: await service.echo(7), transport: service.$channel.transport })
  } catch ({ code, message }) {
    process.send({ code, message })
  }
}
