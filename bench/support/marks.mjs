/**
 * What the two sides say to each other around a measurement, on the connection itself, so that it comes in order
 * with the messages. A mark is JSON, padded to a length that no scenario's messages have.
 */
const MARK_BYTES = 509

export function isMark(message) {
  return message.length === MARK_BYTES
}

/** Asks the peer's `answers[question]()`; resolves to what it returns. */
export async function askPeer(connection, question) {
  const answered = new Promise((resolve, reject) => {
    connection.onMessage = (message) => {
      if (isMark(message)) resolve(JSON.parse(message.toString()))
      else reject(new Error(`a message of ${message.length} bytes came instead of the answer to ${question}`))
    }
    connection.onClose = () => reject(new Error('the connection closed'))
  })
  await send(connection, { question })
  return answered
}

/** What to do with a mark on the side that is asked. */
export function answerMarks(connection, answers) {
  return (mark) => {
    const { question } = JSON.parse(mark.toString())
    void send(connection, answers[question]() ?? {})
  }
}

async function send(connection, value) {
  const mark = Buffer.from(JSON.stringify(value).padEnd(MARK_BYTES))
  if (mark.length !== MARK_BYTES) throw new Error(`a mark of ${mark.length} bytes: ${String(mark)}`)
  while (!connection.trySend(mark)) {
    await new Promise((resolve) => {
      connection.onDrain = resolve
    })
  }
}
