import { fanOut, isSampled, SUBSCRIBERS } from '../support/fan-out.mjs'
import { nanosNow } from '../support/figures.mjs'
import { isOrder, orderOf } from '../support/orders.mjs'
import { scenario as bytes } from './fan-out.mjs'

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  ...bytes,
  title: `Fan-out of objects to ${SUBSCRIBERS}`,
  question: `How many deliveries a second when one server sends each object of six fields to ${SUBSCRIBERS} channels, all of them in one client process? Default codec; competitors that carry only bytes get JSON text, which is made once for all channels.`,
  options: { values: true, connections: SUBSCRIBERS },
  ...fanOut({ source, check }),
}

function source() {
  return (sequence, isLast) =>
    isLast ? { last: sequence } : orderOf(sequence, isSampled(sequence) ? nanosNow() : undefined)
}

function check(order, expected, { delays }) {
  if (order.last === expected) return true
  if (!isOrder(order, expected, !isSampled(expected))) throw new Error(`object ${expected} is another`)
  if (isSampled(expected)) delays.push(nanosNow() - order.time)
  return false
}
