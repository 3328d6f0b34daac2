// Reads the prices that match a pattern: node reader.mjs ADDRESS PATTERN
import { subscribe, watch } from 'shmwire'

const [address, keys] = process.argv.slice(2)
const prices = await subscribe(address, { keys })
const market = await watch(`${address}-market`)
prices.on('lost', (count) => console.log(`${keys}: too slow for ${count} prices`))
process.send('subscribed')

let sum = 0
for await (const { cents } of prices) sum += cents

const { received, lost } = prices.stats()
console.log(
  `${keys}: ${received} prices, ${lost} lost, sum ${sum}, over ${prices.transport}, market ${market.get()}`,
)
await market.close()
process.disconnect()
