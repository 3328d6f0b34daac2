// A side that blocks its thread in every call.
import { endMessage } from './pattern.mjs'
import { HOLD_MICROS_MAX, hold } from './sender.mjs'

const TIMEOUT = 'ERR_SHMWIRE_TIMEOUT'
const BURST_MAX = 30

/**
 * Sends, requests and receives until the plan's time has elapsed and the peer's last message has arrived.
 * Throws when the channel breaks. It waits without a timeout for messages that must arrive: a lost wake-up stalls it.
 */
export function blockUntilEnd(exchange) {
  if (exchange.plan.send === 'turn') takeTurns(exchange)
  else doAnything(exchange)
  exchange.channel.sendSync(endMessage(exchange.sent))
  while (exchange.peerSent === undefined) exchange.take(exchange.channel.receiveSync())
}

function doAnything(exchange) {
  const { bits } = exchange
  while (performance.now() < exchange.endMs) {
    const dice = bits() % 4
    if (dice === 0) send(exchange, 1 + (bits() % BURST_MAX))
    else if (dice === 1) ask(exchange)
    else if (exchange.peerSent === undefined) receive(exchange)
    exchange.commit()
  }
}

function takeTurns(exchange) {
  const { channel, bits } = exchange
  while (performance.now() < exchange.endMs && exchange.peerSent === undefined) {
    if (exchange.isPeersTurn) {
      exchange.take(channel.receiveSync())
    } else {
      if (bits() % 2 === 0) hold(bits() % HOLD_MICROS_MAX)
      channel.sendSync(exchange.ownMessage())
      exchange.sent += 1
    }
    exchange.commit()
  }
}

function send(exchange, burst) {
  for (let count = 0; count < burst; count += 1) {
    exchange.channel.sendSync(exchange.ownMessage())
    exchange.sent += 1
  }
}

function ask(exchange) {
  const question = exchange.nextQuestion(true)
  exchange.takeAnswer(question, exchange.channel.requestSync(question))
}

function receive(exchange) {
  const { channel, plan, bits } = exchange
  // If both sides block, both may wait for the other's next message.
  if (plan.peerBlocks) return receiveWhatIsThere(exchange, bits() % 3)
  for (let count = 0; count < BURST_MAX && exchange.peerSent === undefined; count += 1)
    exchange.take(channel.receiveSync())
}

function receiveWhatIsThere(exchange, timeoutMs) {
  try {
    for (;;) exchange.take(exchange.channel.receiveSync(timeoutMs))
  } catch (error) {
    if (error.code !== TIMEOUT) throw error
  }
}
