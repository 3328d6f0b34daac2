// Compares what the publishers and the subscriber of a run over JetStream did with the guarantees of a topic. Returns the faults, as sentences.

const SHOWN = 5

/**
 * @param lines all lines of the ledgers, in the order of their times
 * @param killed the names of the processes that were killed; the subscriber is none of them
 */
export function topicFaultsOf(lines, { killed }) {
  const faults = []
  const of = (what) => lines.filter((line) => line.what === what)
  const report = (what, wrong) => {
    if (wrong.length > 0) faults.push(`${wrong.length} ${what}: ${wrong.slice(0, SHOWN).join('; ')}`)
  }
  const got = of('got')
  const ids = new Set(got.map(({ id }) => id))
  const sent = new Set(of('sent').map(({ id }) => id))
  const lost = of('lost').map(({ more: [count] }) => count)
  report('messages were received that no program published', missing(ids, sent))
  report('messages were received twice', repeated(got.map(({ id }) => id)))
  report('messages had a wrong sequence', wrongSequences(lines))
  report('messages had another order than that of their publisher, or a hole', wrongOrder(got))
  // The stream has room for all messages.
  report('losses were reported', lost)
  const stored = of('stored').map(({ id }) => id)
  report('acknowledged messages were not received', missing(stored, ids))
  report(
    'publishes failed',
    of('unstored')
      .filter(({ process }) => !killed.has(process))
      .map(({ id, more }) => `${id} ${more[0]}`),
  )
  report(
    'subscriptions ended early',
    of('ended')
      .filter(({ more: [code] }) => code !== 'none')
      .map(({ more }) => more[0]),
  )
  return { faults, messages: ids.size }
}

function missing(ids, known) {
  return [...ids].filter((id) => !known.has(id))
}

function repeated(ids) {
  const seen = new Set()
  return ids.filter((id) => seen.size === seen.add(id).size)
}

/** Each message follows from the one before and the losses. */
function wrongSequences(lines) {
  let next
  const wrong = []
  for (const { what, id, more } of lines) {
    if (what === 'lost' && next !== undefined) next += Number(more[0])
    if (what !== 'got') continue
    const sequence = Number(more[0])
    if (next !== undefined && sequence !== next) wrong.push(`${id} as ${sequence} instead of ${next}`)
    next = sequence + 1
  }
  return wrong
}

/** A message that was lost stops those behind it, so each publisher's numbers follow each other, also until its death. */
function wrongOrder(got) {
  const nextOf = new Map()
  const wrong = []
  for (const { id, more } of got) {
    const [, publisher, text] = more
    const number = Number(text)
    const next = nextOf.get(publisher) ?? 1
    if (number !== next) wrong.push(`${id} instead of ${next}`)
    nextOf.set(publisher, number + 1)
  }
  return wrong
}
