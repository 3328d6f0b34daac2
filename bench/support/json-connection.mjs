/** Values over a transport of bytes: the JSON text of each is one message. */
export class JsonConnection {
  onMessage = () => {}
  onDrain = () => {}
  onClose = () => {}
  #inner

  constructor(inner) {
    this.#inner = inner
    this.transport = inner.transport
    inner.onMessage = (bytes) => this.onMessage(JSON.parse(bytes.utf8Slice()))
    inner.onDrain = () => this.onDrain()
    inner.onClose = () => this.onClose()
  }

  /** For a message that several connections send. */
  encode(value) {
    return Buffer.from(JSON.stringify(value))
  }

  trySend(value) {
    return this.#inner.trySend(Buffer.isBuffer(value) ? value : this.encode(value))
  }

  close() {
    return this.#inner.close()
  }
}
