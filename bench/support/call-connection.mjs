/**
 * The client's side of a competitor that calls the server: each message is a call, and each reply its result.
 * `call(message, onReply, onError)` makes one.
 */
export class CallConnection {
  onMessage = () => {}
  onDrain = () => {}
  onClose = () => {}
  #call
  #close
  #failed = false

  constructor(transport, call, close) {
    this.transport = transport
    this.#call = call
    this.#close = close
  }

  trySend(message) {
    this.#call(
      message,
      (reply) => this.onMessage(reply),
      (error) => this.#fail(error),
    )
    return true
  }

  close() {
    return this.#close()
  }

  #fail(error) {
    if (this.#failed) return
    this.#failed = true
    console.error(error)
    this.onClose()
  }
}

/** The server's side: the reply is the message that is sent before `onMessage` returns. */
export class AnswerConnection {
  onMessage = () => {}
  onDrain = () => {}
  onClose = () => {}
  #reply

  constructor(transport) {
    this.transport = transport
  }

  answer(message) {
    this.#reply = undefined
    this.onMessage(message)
    return this.#reply
  }

  trySend(message) {
    this.#reply = message
    return true
  }

  async close() {}
}
