// Workers of node:cluster that send each other requests directly: each one counts the visits of some clients for all,
// as a rate limit needs it. The primary carries none of these requests.
//
//   node examples/cluster-siblings.mjs [WORKERS]
import cluster from 'node:cluster'
import { once } from 'node:events'
import { keepConnected, listen } from 'shmwire'

const CLIENTS = 5
const VISITS = 1000

if (cluster.isPrimary) await lead(Number(process.argv[2] ?? 3))
else await serve(Number(process.env.WORKER), Number(process.env.WORKERS))

async function lead(count) {
  const workers = Array.from({ length: count }, (_, index) => cluster.fork({ WORKER: index, WORKERS: count }))
  cluster.on('exit', ({ process: { pid } }, code) => {
    if (code !== 0) throw new Error(`worker ${pid} ended with code ${code}`)
  })
  await Promise.all(workers.map((worker) => once(worker, 'message')))
  for (const worker of workers) worker.send('stop')
  const reports = await Promise.all(workers.map((worker) => once(worker, 'message')))
  for (const [{ pid, peers, counts }] of reports) {
    console.log(`worker ${pid} asked ${peers.join(', ')} and counted ${JSON.stringify(counts)}`)
  }
  const visits = reports.flatMap(([{ counts }]) => Object.values(counts))
  console.log(`${visits.reduce((sum, value) => sum + value, 0)} visits counted`)
}

async function serve(own, count) {
  const nameOf = (index) => `siblings-${process.ppid}-${index}`
  const counts = {}
  const visit = (client) => (counts[client] = (counts[client] ?? 0) + 1)
  const server = await listen(nameOf(own))
  server.on('channel', (channel) => channel.handle(({ client }) => visit(client)))
  // Connects as soon as the sibling listens, and again when it has been restarted.
  const siblings = new Map()
  for (let index = 0; index < count; index += 1) {
    if (index !== own) siblings.set(index, keepConnected(nameOf(index), { backOff: { minMs: 10 } }))
  }
  const connectors = [...siblings.values()]
  await Promise.all(connectors.map((connector) => once(connector, 'channel')))
  const peers = connectors.map(({ channel }) => channel.peer.pid)

  // Stands for the requests of an HTTP server.
  for (let index = 0; index < VISITS; index += 1) {
    const client = index % CLIENTS
    const sibling = siblings.get(client % count)
    if (sibling === undefined) visit(client)
    else await sibling.channel.request({ client }, { timeoutMs: 10_000 })
  }

  const stopped = once(process, 'message')
  process.send('done')
  await stopped
  process.send({ pid: process.pid, peers, counts })
  await Promise.all(connectors.map((connector) => connector.close()))
  await server.close()
  process.disconnect()
}
