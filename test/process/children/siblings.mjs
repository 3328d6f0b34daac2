// Starts siblings, which are workers of node:cluster or worker threads, and kills and starts some as its parent says.
// Each sibling listens at its name, watches for the others, and waits to become the leader. It answers these requests:
//   who      its name
//   connect  connects to each sibling that it has found, and returns their answers to `who`
//   state    the events of its watcher, whether it leads, and the state of its channels
//   siblings.mjs cluster|threads NAME …
import cluster from 'node:cluster'
import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { connect, listen, watchServers } from '../../../dist/index.js'

if (!isMainThread) await serve(workerData)
else if (cluster.isWorker) await serve(process.env['NAME'])
else await lead(...process.argv.slice(2))

async function lead(kind, ...names) {
  const workers = new Map()
  const start = async (name) => {
    const worker =
      kind === 'cluster'
        ? cluster.fork({ NAME: name })
        : new Worker(new URL(import.meta.url), { workerData: name })
    workers.set(name, worker)
    // Without a message, the sibling has failed.
    const [message] = await Promise.race([once(worker, 'message'), once(worker, 'exit')])
    if (message !== 'listening') throw new Error(`the sibling ended: ${message}`)
  }
  const kill = async (name) => {
    const worker = workers.get(name)
    const exit = once(worker, 'exit')
    if (kind === 'cluster') worker.process.kill('SIGKILL')
    else void worker.terminate()
    await exit
  }
  process.on('message', async ([command, name]) => {
    await (command === 'kill' ? kill(name) : start(name))
    process.send('done')
  })
  process.on('disconnect', () => {
    for (const worker of Object.values(cluster.workers ?? {})) worker.process.kill('SIGKILL')
    process.exit()
  })
  await Promise.all(names.map(start))
  process.send('ready')
}

async function serve(name) {
  const watcher = await watchServers()
  const events = []
  const note = (event) => events.push(event)
  watcher.on('up', (server) => note(`up ${server.name}`))
  watcher.on('down', (server) => note(`down ${server.name}`))
  const channels = new Map()
  let leads = false

  const siblings = () => watcher.servers.filter((server) => server.name !== name && server.name !== 'leader')
  const connectAll = () =>
    Promise.all(
      siblings().map(async (sibling) => {
        const channel = await connect(sibling.address)
        channels.set(sibling.name, { channel, end: undefined })
        channel.once('close', (error) => {
          channels.get(sibling.name).end = error?.code ?? 'closed'
        })
        return channel.request('who')
      }),
    )
  const stateOf = async ({ channel, end }) => end ?? channel.request('who')
  const answers = {
    who: () => name,
    connect: connectAll,
    state: async () => {
      const entries = [...channels].map(async ([sibling, one]) => [sibling, await stateOf(one)])
      return { events, leads, channels: Object.fromEntries(await Promise.all(entries)) }
    },
  }
  const server = await listen(name)
  server.on('channel', (channel) => channel.handle((question) => answers[question]()))
  const leader = listen('leader', { whenInUse: 'wait' }).then((won) => {
    leads = true
    won.on('channel', (channel) => channel.handle(() => name))
  })
  report('listening')
  await leader
}

function report(message) {
  if (isMainThread) process.send(message)
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  else parentPort.postMessage(message)
}
