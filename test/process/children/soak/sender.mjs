// The sender of a side with an event loop.

const ABORTED_OF = 16
export const HOLD_MICROS_MAX = 300

/** Sends until the plan's time has elapsed or the channel ends. */
export async function sendUntil(exchange) {
  const { channel, plan } = exchange
  const send = SENDERS[plan.send]
  while (performance.now() < exchange.endMs && channel.open) {
    await send(exchange, 1 + (exchange.bits() % plan.burst))
    exchange.commit()
    await pause(exchange)
  }
}

const SENDERS = {
  async trySend(exchange, burst) {
    const { channel } = exchange
    for (let count = 0; count < burst; count += 1) {
      if (!channel.trySend(exchange.ownMessage())) return exchange.room()
      exchange.sent += 1
    }
  },

  async send(exchange, burst) {
    const sending = []
    for (let count = 0; count < burst; count += 1) {
      sending.push(exchange.channel.send(exchange.ownMessage()))
      exchange.sent += 1
    }
    await Promise.all(sending)
  },

  async claim(exchange, burst) {
    const { channel, bits } = exchange
    for (let count = 0; count < burst; count += 1) {
      const message = exchange.ownMessage()
      // Sometimes more than necessary: a commit may be shorter than its claim.
      const claim = channel.claim(message.length + (bits() % 3))
      if (claim === null) return exchange.room()
      claim.bytes.set(message)
      if (bits() % ABORTED_OF === 0) {
        claim.abort()
      } else {
        claim.commit(message.length)
        exchange.sent += 1
      }
    }
  },

  /** Sends one message for each of the peer's. */
  async turn(exchange) {
    while (exchange.isPeersTurn) await exchange.room()
    if (exchange.peerSent !== undefined) return
    const sending = exchange.channel.send(exchange.ownMessage())
    exchange.sent += 1
    await sending
  },

  async nothing() {},
}

function pause({ plan, bits }) {
  const dice = bits() % 1000
  if (plan.pauses === 'gaps') {
    if (dice < 500) hold(bits() % HOLD_MICROS_MAX)
    return dice % 2 === 0 ? nextTurn() : later(bits() % 3)
  }
  if (plan.pauses === 'none' || dice < 950) return plan.send === 'nothing' ? later(5) : nextTurn()
  if (dice < 980) hold(bits() % HOLD_MICROS_MAX)
  return later(dice < 995 ? bits() % 4 : bits() % 60)
}

/** Spins in this thread, because a timer is too coarse. */
export function hold(micros) {
  const until = performance.now() + micros / 1000
  while (performance.now() < until);
}

function nextTurn() {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

function later(milliseconds) {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds)
  })
}
