// One side of a channel under load, until both have sent their last message, or the peer has ended.
import { blockUntilEnd } from './blocking-side.mjs'
import { endMessage, endOf, patternOf, randomBits } from './pattern.mjs'
import { Progress } from './progress.mjs'
import { sendUntil } from './sender.mjs'

/** A peer that will be killed never replies to some requests, so that some must reject. */
const UNANSWERED_BELOW = 40
const TAKEN_PER_COMMIT = 1024

/**
 * Its plan: `seed` and `peerSeed` of the messages of either side, `profile`, `ringBytes`; `send`: trySend, send, claim, turn, nothing,
 * or blocking; `receive`: message, messages, loop, or blocking; `burst` messages without a pause and `pauses` between them; `lanes`
 * of requests; `durationMs`, or null for as long as the peer lives; `file` for the progress, or null.
 */
export class Exchange {
  channel
  plan
  bits
  sent = 0
  peerSent
  endMs
  #received = 0
  #fault
  #endings = new Map()
  #closes = 0
  #endSent = false
  #answered = 0
  #own
  #peers
  #questions
  #asked = 0
  #progress
  #resumeSender = () => {}
  #closed

  /** Adds all listeners at once, before messages can arrive. */
  constructor(channel, plan) {
    this.channel = channel
    this.plan = plan
    this.bits = randomBits(plan.seed ^ 0x2545f491)
    this.#own = patternOf(plan.profile, plan.seed, plan.ringBytes)
    this.#peers = patternOf(plan.profile, plan.peerSeed, plan.ringBytes)
    this.#questions = patternOf('mixed', plan.seed ^ 0x6b8b4567, plan.ringBytes)
    this.#progress = new Progress(plan.file)
    channel.handle((question) => this.#answer(question))
    channel.on('drain', () => this.#resumeSender())
    this.#closed = new Promise((resolve) => {
      channel.on('close', (error) => {
        this.#closes += 1
        this.note('close', error)
        this.#resumeSender()
        resolve()
      })
    })
  }

  /** Resolves to the account of this side when the channel has ended and no call is pending. */
  async run() {
    const { channel, plan } = this
    this.endMs = plan.durationMs === null ? Number.POSITIVE_INFINITY : performance.now() + plan.durationMs
    const sides = plan.receive === 'blocking' ? [this.#block()] : [this.#read(), this.#write()]
    await Promise.all([...sides, this.#closed])
    this.#progress.close()
    return {
      transport: channel.transport,
      sent: this.sent,
      received: this.#received,
      peerSent: this.peerSent,
      answered: this.#answered,
      fault: this.#fault,
      endings: Object.fromEntries(this.#endings),
      closes: this.#closes,
      stats: channel.stats(),
    }
  }

  ownMessage() {
    return this.#own.message(this.sent)
  }

  /** Takes a message of the peer from any receiving call. */
  take(bytes) {
    // It checks for its turn after this.
    if (this.plan.send === 'turn') this.#resumeSender()
    const end = endOf(bytes)
    if (end !== undefined) {
      this.peerSent = end
      if (end !== this.#received) this.#fail(`${this.#received} messages arrived before the last, of ${end}`)
      this.commit()
      this.#closeWhenDone()
      return
    }
    const fault = this.#fault === undefined ? this.#peers.faultOf(bytes, this.#received) : undefined
    if (fault !== undefined) this.#fail(fault)
    this.#received += 1
    if (this.#received % TAKEN_PER_COMMIT === 0) this.commit()
  }

  /** Returns the next request, on demand one that the peer must reply to. */
  nextQuestion(mustBeAnswered) {
    for (;;) {
      const question = this.#questions.message(this.#asked)
      this.#asked += 1
      if (!mustBeAnswered || !this.#isUnanswered(question)) return question
    }
  }

  takeAnswer(question, answer) {
    if (!question.equals(answer))
      this.#fail(`a request of ${question.length} bytes received ${answer.length} wrong bytes`)
    this.#answered += 1
  }

  /** Writes the progress of this side to its file. Messages in the outbox do not count. */
  commit() {
    this.#progress.write(this.channel.stats().outboxRecords === 0 ? this.sent : undefined, this.#received)
  }

  note(what, error) {
    const key = error === undefined ? `${what} in order` : `${what} ${error.code ?? error.stack}`
    this.#endings.set(key, (this.#endings.get(key) ?? 0) + 1)
  }

  /** Whether this side must wait when both send in turn. The side that connects begins. */
  get isPeersTurn() {
    const ahead = this.plan.role === 'listen' ? 1 : 0
    return this.channel.open && this.peerSent === undefined && this.#received < this.sent + ahead
  }

  /** Waits until there is room, a message arrives if both send in turn, or the channel ends. */
  room() {
    return new Promise((resolve) => {
      this.#resumeSender = resolve
    })
  }

  #fail(fault) {
    if (this.#fault !== undefined) return
    this.#fault = fault
    process.send?.({ type: 'fault', fault })
  }

  #isUnanswered(question) {
    return this.plan.durationMs === null && question.length > 0 && question[0] < UNANSWERED_BELOW
  }

  #answer(question) {
    return this.#isUnanswered(question) ? new Promise(() => {}) : question
  }

  async #read() {
    const { channel, plan } = this
    if (plan.receive === 'message') channel.on('message', (bytes) => this.take(bytes))
    if (plan.receive === 'messages')
      channel.on('messages', (batch) => {
        for (const bytes of batch) this.take(bytes)
      })
    if (plan.receive !== 'loop') return
    try {
      for await (const bytes of channel) this.take(bytes)
      this.note('loop')
    } catch (error) {
      this.note('loop', error)
    }
  }

  async #write() {
    const lanes = Array.from({ length: this.plan.lanes }, () => this.#ask())
    try {
      await sendUntil(this)
      await Promise.all(lanes)
      await this.channel.send(endMessage(this.sent))
      this.#endSent = true
      this.commit()
      this.#closeWhenDone()
    } catch (error) {
      this.note('send', error)
      await Promise.all(lanes)
    }
  }

  async #ask() {
    try {
      while (performance.now() < this.endMs) {
        const question = this.nextQuestion(false)
        this.takeAnswer(question, await this.channel.request(question))
      }
    } catch (error) {
      this.note('request', error)
    }
  }

  async #block() {
    try {
      blockUntilEnd(this)
      this.#endSent = true
      this.commit()
      this.#closeWhenDone()
    } catch (error) {
      this.note('call', error)
      this.#receiveRest()
    }
  }

  #receiveRest() {
    try {
      for (;;) this.take(this.channel.receiveSync())
    } catch (error) {
      this.note('receive', error)
    }
  }

  #closeWhenDone() {
    if (!this.#endSent || this.peerSent === undefined) return
    this.channel.close().catch((error) => this.note('closing', error))
  }
}
