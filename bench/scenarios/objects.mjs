import { measureOneWay, serveOneWay } from '../support/one-way.mjs'

const SYMBOLS = ['ABC', 'DEFG', 'HIJK', 'LMN']
const CLOCK_EVERY = 64

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  title: 'Objects of six fields, one way',
  question:
    'How many objects a second go through, encoded, carried and decoded? Default codec; what carries bytes only gets JSON text.',
  headline: { name: 'objects', unit: 'per second', of: ({ messagesPerSecond }) => messagesPerSecond },
  options: { values: true },
  forms: { quick: true, smoke: true },

  serve(connection, options) {
    serveOneWay(connection, options, (order, sequence) => isOrder(order, sequence))
  },

  measure(connection, options) {
    return measureOneWay(connection, options, {
      clockEvery: CLOCK_EVERY,
      trySend: (sequence) => connection.trySend(orderOf(sequence)),
    })
  },
}

function orderOf(sequence) {
  return {
    id: sequence,
    symbol: SYMBOLS[sequence & 3],
    price: 100 + (sequence & 1023) / 64,
    quantity: (sequence & 127) + 1,
    buy: (sequence & 1) === 0,
    time: 1_700_000_000_000 + sequence,
  }
}

/** All of it, without building the other one. */
function isOrder(order, sequence) {
  return (
    order.id === sequence &&
    order.symbol === SYMBOLS[sequence & 3] &&
    order.price === 100 + (sequence & 1023) / 64 &&
    order.quantity === (sequence & 127) + 1 &&
    order.buy === ((sequence & 1) === 0) &&
    order.time === 1_700_000_000_000 + sequence
  )
}
