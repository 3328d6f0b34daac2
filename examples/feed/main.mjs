// A feed of market data: one process publishes prices, others read them from the same memory.
//
//   node examples/feed/main.mjs [PRICES]
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createCell, createTopic } from 'shmwire'

const count = Number(process.argv[2] ?? 100_000)
const address = `feed-${process.pid}`
const SYMBOLS = ['ABC', 'DEF', 'XYZ']

const prices = await createTopic(address)
// A status of which only the latest value matters.
const market = await createCell(`${address}-market`, 'closed')

const readers = ['price.>', 'price.ABC'].map((keys) =>
  fork(new URL('reader.mjs', import.meta.url), [address, keys]),
)
const ends = readers.map((reader) => once(reader, 'exit'))
// Each reader says when it has subscribed: it gets every price from then on.
await Promise.all(readers.map((reader) => once(reader, 'message')))

await market.set('open')
const beganAt = performance.now()
for (let n = 0; n < count; n += 1) {
  const symbol = SYMBOLS[n % SYMBOLS.length]
  await prices.publish({ symbol, cents: 10_000 + (n % 100) }, { key: `price.${symbol}` })
  // Other work of this process, such as its sockets, gets a turn.
  if (n % 1_000 === 0) await new Promise(setImmediate)
}
const seconds = (performance.now() - beganAt) / 1_000
console.log(`published ${count} prices for ${prices.stats().subscribers} readers in ${seconds.toFixed(2)} s`)
await market.set('closed')

await prices.close() // the readers get the last price, and their loops end
await Promise.all(ends)
await market.close()
