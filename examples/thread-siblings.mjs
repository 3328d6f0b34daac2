// Worker threads that find each other by name: each one holds a number. One of them leads, and asks all that it finds for their
// numbers. The main thread carries none of these requests. It terminates the leader, and another thread takes over.
//
//   node examples/thread-siblings.mjs [THREADS]
import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { connect, listen, listServers } from 'shmwire'

if (isMainThread) await start(Number(process.argv[2] ?? 3))
else await serve(workerData)

async function start(count) {
  const group = `threads-${process.pid}`
  const workers = Array.from(
    { length: count },
    (_, own) => new Worker(new URL(import.meta.url), { workerData: { group, own } }),
  )
  await Promise.all(workers.map((worker) => once(worker, 'message')))
  for (const worker of workers) {
    worker.on('message', ({ own, numbers }) => {
      const sum = numbers.reduce((total, number) => total + number, 0)
      console.log(`thread ${own} leads: ${numbers.length} threads hold ${sum}`)
      void worker.terminate()
    })
    worker.postMessage('all listen')
  }
}

async function serve({ group, own }) {
  const server = await listen(`${group}-${own}`)
  server.on('channel', (channel) => channel.handle(() => 10 ** own))
  parentPort.postMessage('listening')
  await once(parentPort, 'message')

  // One thread gets this name. The others wait until it is free.
  await listen(`${group}.leader`, { whenInUse: 'wait' })
  const siblings = (await listServers({ answerTimeoutMs: 10_000 })).filter(({ name }) =>
    name.startsWith(`${group}-`),
  )
  const answers = await Promise.allSettled(siblings.map(ask))
  // A thread that ends at this moment does not answer.
  const numbers = answers.filter(({ status }) => status === 'fulfilled').map(({ value }) => value)
  parentPort.postMessage({ own, numbers })
}

async function ask({ address }) {
  const channel = await connect(address)
  try {
    return await channel.request('number')
  } finally {
    channel.destroy()
  }
}
