// The primary of a cluster of three workers that send requests to each other. Reports the peers of each, then
// kills one, and reports the errors of the others, and whether its name is free again.
//   cluster.mjs <transport>
import cluster from 'node:cluster'
import { connect, listen } from '../../../dist/index.js'

const COUNT = 3
const transport = process.argv[2]
const options = { transport, codec: 'bytes', ringBytes: 64 * 1024 }

if (cluster.isPrimary) await lead()
else await serve(process.env['NAME'])

async function lead() {
  const workers = Array.from({ length: COUNT }, (_, index) => cluster.fork({ NAME: `sibling-${index}` }))
  await Promise.all(workers.map((worker) => next(worker)))
  const peers = await Promise.all(workers.map((worker) => order(worker, 'exchange')))
  process.send({ pids: workers.map((worker) => worker.process.pid), peers: peers.flat() })
  const [victim, ...others] = workers
  const closed = others.map((worker) => next(worker))
  victim.process.kill('SIGKILL')
  const killed = await Promise.all(closed)
  const successor = await listen('sibling-0', options)
  await successor.close()
  process.send({ killed, reused: true })
  for (const worker of others) worker.process.kill('SIGKILL')
  process.disconnect()
}

function order(worker, what) {
  worker.send(what)
  return next(worker)
}

function next(worker) {
  return new Promise((resolve) => {
    worker.once('message', resolve)
  })
}

async function serve(name) {
  const server = await listen(name, options)
  server.on('channel', (channel) => channel.handle((question) => question))
  process.once('message', async () => {
    const siblings = Array.from({ length: COUNT }, (_, index) => `sibling-${index}`).filter(
      (other) => other !== name,
    )
    process.send(await Promise.all(siblings.map(ask)))
  })
  process.send('listening')
}

async function ask(sibling) {
  const channel = await connect(sibling, options)
  if (sibling === 'sibling-0') channel.once('close', (error) => process.send(error.code))
  const question = Buffer.from(`from ${process.pid}`)
  const right = question.equals(await channel.request(question))
  return { pid: channel.peer.pid, transport: channel.transport, right }
}
