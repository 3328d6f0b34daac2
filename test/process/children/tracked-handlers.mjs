// Handlers that report how they end. `begin` reports that a handler begins, and returns a function that takes whether it finished.

export async function tracked(begin, body) {
  const end = begin()
  let finished = false
  try {
    const answer = await body()
    finished = true
    return answer
  } finally {
    end(finished)
  }
}

/** Begins with the first message that is requested. */
export async function* trackedStream(begin, messages) {
  const end = begin()
  let finished = false
  try {
    for await (const message of messages) yield message
    finished = true
  } finally {
    end(finished)
  }
}
