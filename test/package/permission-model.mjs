/**
 * One server, one client, one list and one watcher in a process with few permissions. Prints the outcome of `listen`, `connect`,
 * `listServers` and `watchServers` as JSON.
 */
import { connect, listen, listServers, watchServers } from 'shmwire'

const describe = ({ code, message }) => ({ code, message })
const server = await listen('svc').catch(describe)
if (server.code === undefined) server.on('channel', (channel) => channel.handle((text) => `${text}!`))
const channel = await connect('svc').catch(describe)
const connected =
  channel.code === undefined
    ? {
        transport: channel.transport,
        fallbackReason: channel.fallbackReason,
        reply: await channel.request('hi'),
      }
    : channel
const namesOf = (servers) => ({ names: servers.map(({ name }) => name) })
const listed = await listServers().then(namesOf, describe)
const watcher = await watchServers().catch(describe)
const watched = watcher.code === undefined ? namesOf(watcher.servers) : watcher
const listened = server.code === undefined ? {} : server
console.log(JSON.stringify({ listen: listened, connect: connected, list: listed, watch: watched }))
await watcher.close?.()
await channel.close?.()
await server.close?.()
