// A side that blocks its thread in every call.
import { endMessage } from './pattern.mjs'
import { HOLD_MICROS_MAX, hold } from './sender.mjs'

const TIMEOUT = 'ERR_SHMWIRE_TIMEOUT'
const BURST_MAX = 30

/**
 * Sends, asks and receives until the plan's time is over and the peer's last message is here; throws when the channel breaks.
 * Where it can know that something comes, it waits without a bound: what woke it too late would never wake it.
 */
export function blockUntilEnd(conversation) {
  if (conversation.plan.send === 'turn') takeTurns(conversation)
  else doAnything(conversation)
  conversation.channel.sendSync(endMessage(conversation.sent))
  while (conversation.peerSent === undefined) conversation.take(conversation.channel.receiveSync())
}

function doAnything(conversation) {
  const { bits } = conversation
  while (performance.now() < conversation.endMs) {
    const dice = bits() % 4
    if (dice === 0) send(conversation, 1 + (bits() % BURST_MAX))
    else if (dice === 1) ask(conversation)
    else if (conversation.peerSent === undefined) receive(conversation)
    conversation.commit()
  }
}

function takeTurns(conversation) {
  const { channel, bits } = conversation
  while (performance.now() < conversation.endMs && conversation.peerSent === undefined) {
    if (conversation.isPeersTurn) {
      conversation.take(channel.receiveSync())
    } else {
      if (bits() % 2 === 0) hold(bits() % HOLD_MICROS_MAX)
      channel.sendSync(conversation.ownMessage())
      conversation.sent += 1
    }
    conversation.commit()
  }
}

function send(conversation, burst) {
  for (let count = 0; count < burst; count += 1) {
    conversation.channel.sendSync(conversation.ownMessage())
    conversation.sent += 1
  }
}

function ask(conversation) {
  const question = conversation.nextQuestion(true)
  conversation.takeAnswer(question, conversation.channel.requestSync(question))
}

function receive(conversation) {
  const { channel, plan, bits } = conversation
  // Of two that block, both might wait for the other's next message.
  if (plan.peerBlocks) return receiveWhatIsThere(conversation, bits() % 3)
  for (let count = 0; count < BURST_MAX && conversation.peerSent === undefined; count += 1)
    conversation.take(channel.receiveSync())
}

function receiveWhatIsThere(conversation, timeoutMs) {
  try {
    for (;;) conversation.take(conversation.channel.receiveSync(timeoutMs))
  } catch (error) {
    if (error.code !== TIMEOUT) throw error
  }
}
