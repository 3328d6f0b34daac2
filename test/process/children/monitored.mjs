// Has a service, a topic and a queue, with a hostile title and address, or calls and subscribes to them. `silent`: without a server of its own.
//   monitored.mjs serve|call|silent
import { client, createQueue, createTopic, serve, subscribe, work } from '../../../dist/index.js'

const HOSTILE = '<img src=x onerror="globalThis.injected=1">'
const TICKS = `unix:${process.env.SHMWIRE_DIR}/${HOSTILE}.sock`
const role = process.argv[2]

if (role === 'serve') {
  // The title of the process.
  process.argv[1] = HOSTILE
  const queue = await createQueue('jobs')
  const topic = await createTopic(TICKS, { overflow: 'lose' })
  await serve('prices', {
    getPrice: ({ symbol }) => {
      if (symbol === 'none') throw new Error('there is no such symbol')
      return { symbol, price: 101 }
    },
  })
  setInterval(() => {
    topic.tryPublish('tick')
    void queue.push('job')
  }, 5)
} else {
  const prices = await client('prices')
  if (role === 'call') {
    await serve('web', { ping: () => 'pong' })
    await work('jobs', () => {})
    const subscription = await subscribe(TICKS)
    void (async () => {
      for await (const _message of subscription);
    })()
  }
  setInterval(() => {
    for (const symbol of ['ABC', role === 'call' ? 'none' : 'XYZ'])
      prices.getPrice({ symbol }).catch(({ code }) => {
        if (code !== 'ERR_SHMWIRE_REMOTE') process.exit(1)
      })
  }, 5)
}
process.send?.('ready')
process.on('disconnect', () => process.exit())
