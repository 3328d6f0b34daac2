// A process of a run: it takes a role, and then orders, each of which has one answer.
//   { id, order: 'begin', role, … }   the role; its orders follow
//   { id, order: 'held', expected }   the resources of the process, once they are as expected
//   { id, order: 'memory' }           the same with the size of the heap, once they rest
import { runOrders } from './orders.mjs'

const orders = runOrders()
process.on('disconnect', () => process.exit())
process.on('message', async ({ id, ...order }) => {
  try {
    report({ id, result: await orders(order) })
  } catch (error) {
    report({ id, error: error.stack })
  }
})
report({})

/** The other process can be gone; then `disconnect` follows. */
function report(message) {
  process.send(message, () => {})
}
