// The users that calls have created, and what was reported of the calls.

/** The id before that of the first user. */
const BEGIN = '0'
const HTTP_UNAVAILABLE = 503

export class CreatedUsers {
  /** Reported as created and not yet read, by e-mail address. */
  #unread = new Map()
  /** All users that were reported. */
  #all = new Map()
  /** The e-mail addresses of users that were read. A user can be read before its call has ended. */
  #read = new Set()
  /** E-mail addresses of calls that were reported as not executed. */
  #refused = new Set()
  #faults = []
  /** The next check continues after it, because ids grow. */
  #lastId = BEGIN
  #calls = {}
  #stored = 0

  success(way, wanted, user) {
    this.#count(way, 'created')
    if (!this.#read.has(wanted.email)) this.#unread.set(wanted.email, user)
    this.#all.set(wanted.email, user)
    if (user.name !== wanted.name || user.email !== wanted.email)
      this.#faults.push(
        `${way} created ${user.name}, ${user.email} instead of ${wanted.name}, ${wanted.email}`,
      )
  }

  failure(way, wanted, { status, statusCode, executed, message }) {
    this.#count(way, 'failed')
    if (executed === 'no') this.#refused.add(wanted.email)
    if (status !== 'UNAVAILABLE' && statusCode !== HTTP_UNAVAILABLE)
      this.#faults.push(`${way} failed with ${status ?? statusCode}: ${message}`)
  }

  /** Reads the users behind the last one that it has read, or all. Resolves to the faults since the last time. */
  async missing(reader, { fromBegin = false } = {}) {
    const expected = new Map(fromBegin ? this.#all : this.#unread)
    const lastEventId = fromBegin ? BEGIN : this.#lastId
    for await (const { id, name, email } of reader.streamUsers({ pageSize: 1000 }, { lastEventId })) {
      const user = expected.get(email)
      if (user !== undefined && (user.id !== id || user.name !== name))
        this.#faults.push(
          `${email} is user ${id}, ${name}, and was reported as user ${user.id}, ${user.name}`,
        )
      if (this.#refused.has(email))
        this.#faults.push(`${email} is stored, and the call was reported as executed: 'no'`)
      expected.delete(email)
      this.#unread.delete(email)
      this.#read.add(email)
      if (fromBegin) this.#stored += 1
      else this.#lastId = String(id)
    }
    for (const [email, { id }] of expected) {
      this.#unread.delete(email)
      this.#faults.push(`user ${id}, ${email}, was reported as created, and is lost`)
    }
    return this.#faults.splice(0)
  }

  /** A run without these has tested nothing. */
  unmetTargets() {
    const absent = this.#refused.size === 0 ? ["no call was reported as executed: 'no'"] : []
    const calls = Object.entries(this.#calls).flatMap(([way, tally]) =>
      ['created', 'failed'].filter((name) => tally[name] === 0).map((name) => `no call over ${way} ${name}`),
    )
    return [...absent, ...calls]
  }

  describe() {
    const ways = Object.entries(this.#calls).map(
      ([way, { created, failed }]) => `${way}: ${created} created, ${failed} UNAVAILABLE`,
    )
    const stored = this.#stored > 0 ? `; ${this.#stored} stored` : ''
    return `${ways.join('; ')} (${this.#refused.size} not executed)${stored}`
  }

  #count(way, name) {
    this.#calls[way] ??= { created: 0, failed: 0 }
    this.#calls[way][name] += 1
  }
}
