// The sending of a side that has an event loop.

const ABORTED_OF = 16
export const HOLD_MICROS_MAX = 300

/** Sends until the plan's time is over, or the channel. */
export async function sendUntil(conversation) {
  const { channel, plan } = conversation
  const send = SENDERS[plan.send]
  while (performance.now() < conversation.endMs && channel.open) {
    await send(conversation, 1 + (conversation.bits() % plan.burst))
    conversation.commit()
    await pause(conversation)
  }
}

const SENDERS = {
  async trySend(conversation, burst) {
    const { channel } = conversation
    for (let count = 0; count < burst; count += 1) {
      if (!channel.trySend(conversation.ownMessage())) return conversation.room()
      conversation.sent += 1
    }
  },

  async send(conversation, burst) {
    const sending = []
    for (let count = 0; count < burst; count += 1) {
      sending.push(conversation.channel.send(conversation.ownMessage()))
      conversation.sent += 1
    }
    await Promise.all(sending)
  },

  async claim(conversation, burst) {
    const { channel, bits } = conversation
    for (let count = 0; count < burst; count += 1) {
      const message = conversation.ownMessage()
      // More than is needed, now and then: a commit may be shorter than its claim.
      const claim = channel.claim(message.length + (bits() % 3))
      if (claim === null) return conversation.room()
      claim.bytes.set(message)
      if (bits() % ABORTED_OF === 0) {
        claim.abort()
      } else {
        claim.commit(message.length)
        conversation.sent += 1
      }
    }
  },

  /** One message for each of the peer's. */
  async turn(conversation) {
    while (conversation.isPeersTurn) await conversation.room()
    if (conversation.peerSent !== undefined) return
    const sending = conversation.channel.send(conversation.ownMessage())
    conversation.sent += 1
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

/** Holds this thread, to hit moments that a timer is too coarse for. */
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
