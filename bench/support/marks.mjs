/**
 * Marks of the two sides around a measurement. They use the connection itself, so that they arrive in order
 * with the messages. A mark is JSON, padded to a length that no scenario's messages have; where messages are values,
 * an object that no scenario's messages look like.
 */
const MARK_BYTES = 509

export function isMark(message) {
  return message.length === MARK_BYTES
}

export function isValueMark(message) {
  return message.mark !== undefined
}

/** Asks the peer's `answers[question]()`; resolves to what it returns. */
export async function askPeer(connection, question, { values } = {}) {
  const answered = new Promise((resolve, reject) => {
    connection.onMessage = (message) => {
      if (values ? isValueMark(message) : isMark(message)) resolve(readMark(message))
      else reject(new Error(`a message came instead of the answer to ${question}`))
    }
    connection.onClose = () => reject(new Error('the connection closed'))
  })
  await tellPeer(connection, { question }, values)
  return answered
}

/** Handles a mark on the side that receives the question. */
export function answerMarks(connection, answers, { values } = {}) {
  return (mark) => {
    const { question } = readMark(mark)
    void tellPeer(connection, answers[question]() ?? {}, values)
  }
}

export function readMark(mark) {
  return mark.mark ?? JSON.parse(mark.toString())
}

export function writeMark(value, values) {
  if (values) return { mark: value }
  const mark = Buffer.from(JSON.stringify(value).padEnd(MARK_BYTES))
  if (mark.length !== MARK_BYTES) throw new Error(`a mark of ${mark.length} bytes: ${String(mark)}`)
  return mark
}

/** Sends a mark in order. */
export async function tellPeer(connection, value, values) {
  const mark = writeMark(value, values)
  while (!connection.trySend(mark)) await roomOf(connection)
}

/** Resolves when there is room again. Call it only right after a `trySend` that returned false. */
export function roomOf(connection) {
  return new Promise((resolve) => {
    connection.onDrain = resolve
  })
}
