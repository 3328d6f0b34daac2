// One side of a channel under load, until both have sent their last message, or the peer is gone.
import { blockUntilEnd } from './blocking-side.mjs'
import { endMessage, endOf, patternOf, randomBits } from './pattern.mjs'
import { Progress } from './progress.mjs'
import { sendUntil } from './sender.mjs'

/** Of a peer that is to be killed: some questions are never answered, so that there is something to reject. */
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

  /** At once, before anything can come: what nobody listens to would be held, refused or lost. */
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

  /** What this side has seen, when the channel is over and nothing is pending. */
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

  /** A message of the peer, in whatever way it came. */
  take(bytes) {
    // It looks when this is done.
    if (this.plan.send === 'turn') this.#resumeSender()
    const end = endOf(bytes)
    if (end !== undefined) {
      this.peerSent = end
      if (end !== this.#received) this.#fail(`${this.#received} messages came before the last, of ${end}`)
      this.commit()
      this.#closeWhenDone()
      return
    }
    const fault = this.#fault === undefined ? this.#peers.faultOf(bytes, this.#received) : undefined
    if (fault !== undefined) this.#fail(fault)
    this.#received += 1
    if (this.#received % TAKEN_PER_COMMIT === 0) this.commit()
  }

  /** A question, and whether the answer is right. */
  nextQuestion(mustBeAnswered) {
    for (;;) {
      const question = this.#questions.message(this.#asked)
      this.#asked += 1
      if (!mustBeAnswered || !this.#isUnanswered(question)) return question
    }
  }

  takeAnswer(question, answer) {
    if (!question.equals(answer))
      this.#fail(`a question of ${question.length} bytes was answered by ${answer.length} others`)
    this.#answered += 1
  }

  /** Says where others can read it how far this side is. What waits in the outbox does not count. */
  commit() {
    this.#progress.write(this.channel.stats().outboxRecords === 0 ? this.sent : undefined, this.#received)
  }

  note(what, error) {
    const key = error === undefined ? `${what} in order` : `${what} ${error.code ?? error.stack}`
    this.#endings.set(key, (this.#endings.get(key) ?? 0) + 1)
  }

  /** Of two that speak in turn: whether this one has to wait. The side that connects begins. */
  get isPeersTurn() {
    const ahead = this.plan.role === 'listen' ? 1 : 0
    return this.channel.open && this.peerSent === undefined && this.#received < this.sent + ahead
  }

  /** Until there is room, the peer has said something to one that speaks in turn, or the channel is over. */
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
