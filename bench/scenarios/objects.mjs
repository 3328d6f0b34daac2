import { nanosNow } from '../support/figures.mjs'
import { measureOneWay, serveOneWay } from '../support/one-way.mjs'
import { isOrder, orderOf } from '../support/orders.mjs'

const CLOCK_EVERY = 64
/** A power of two: one in this many orders carries the time of its sending. */
const SAMPLE_EVERY = 1024

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  title: 'Objects of six fields, one way',
  question:
    'How many objects are encoded, sent and decoded in a second? Default codec; competitors that carry only bytes get JSON text. Each competitor encodes them differently, so bytes a second are not compared.',
  latency:
    'from sending to arrival while the sender never stops, for a sample of the objects: this shows the length of the queue',
  headline: { name: 'objects', unit: 'per second', of: ({ messagesPerSecond }) => messagesPerSecond },
  options: { values: true },
  forms: { quick: true, smoke: true },

  serve(connection, options) {
    serveOneWay(connection, options, (order, sequence, delays) => {
      if (isSampled(sequence)) delays.push(nanosNow() - order.time)
      return isOrder(order, sequence, !isSampled(sequence))
    })
  },

  measure(connection, options) {
    return measureOneWay(connection, options, {
      clockEvery: CLOCK_EVERY,
      trySend: (sequence) =>
        connection.trySend(orderOf(sequence, isSampled(sequence) ? nanosNow() : undefined)),
    })
  },
}

function isSampled(sequence) {
  return (sequence & (SAMPLE_EVERY - 1)) === 0
}
