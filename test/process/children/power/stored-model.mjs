// The contents that a store must have after some changes. A change is in a short form, in which the parts of a job follow from its sequence.

/** The parts of a job; `bytes` is the length of its body. */
export function recordOf(sequence, bytes) {
  return {
    sequence,
    id: `job ${sequence}`,
    key: sequence % 3 === 0 ? undefined : `key.${sequence % 7}`,
    headers: Buffer.alloc(sequence % 40, sequence % 251),
    body: Buffer.alloc(bytes, sequence % 253),
    attempts: 1 + (sequence % 9),
    backOffMinMs: sequence % 100,
    backOffMaxMs: 30_000,
    timeLimitMs: 60_000,
  }
}

/** The change for a store. */
export function changeOf(change) {
  if (change.type !== 'add') return change
  return { type: 'add', job: recordOf(change.sequence, change.bytes), dueAtMs: change.dueAtMs }
}

export function newModel() {
  return { jobs: new Map(), seen: new Map(), sequenceMax: 0 }
}

export function apply(model, change) {
  const { type, sequence } = change
  if (type === 'add') {
    const { bytes, dueAtMs } = change
    model.jobs.set(sequence, { bytes, attempt: 0, dueAtMs, deadReason: undefined, deadAtMs: 0 })
    model.sequenceMax = Math.max(model.sequenceMax, sequence)
  } else if (type === 'remove') model.jobs.delete(sequence)
  else if (type === 'seen') model.seen.set(change.id, change.untilMs)
  else if (type === 'forget') {
    for (const [id, untilMs] of model.seen) if (untilMs <= change.untilMs) model.seen.delete(id)
  } else if (model.jobs.has(sequence)) Object.assign(model.jobs.get(sequence), stateOf(change))
}

function stateOf({ type, attempt, dueAtMs, reason, deadAtMs }) {
  if (type === 'attempt') return { attempt, dueAtMs: 0 }
  if (type === 'delay') return { dueAtMs }
  if (type === 'dead') return { deadReason: reason, deadAtMs }
  return { attempt: 0, dueAtMs: 0, deadReason: undefined, deadAtMs: 0 }
}

/** Undefined if the loaded contents are those of the model, otherwise the first difference. */
export function difference(model, { jobs, seen, nextSequence }) {
  if (jobs.length !== model.jobs.size) return `${jobs.length} jobs instead of ${model.jobs.size}`
  if (seen.length !== model.seen.size) return `${seen.length} ids instead of ${model.seen.size}`
  if (nextSequence <= model.sequenceMax)
    return `the next sequence ${nextSequence} after job ${model.sequenceMax}`
  for (const { id, untilMs } of seen)
    if (model.seen.get(id) !== untilMs) return `${id} until ${untilMs} instead of ${model.seen.get(id)}`
  let last = 0
  for (const job of jobs) {
    if (job.sequence <= last) return `job ${job.sequence} after ${last}`
    last = job.sequence
    const fault = differenceOfJob(model.jobs.get(job.sequence), job)
    if (fault !== undefined) return `job ${job.sequence}: ${fault}`
  }
  return undefined
}

function differenceOfJob(expected, { headers, body, ...rest }) {
  if (expected === undefined) return 'not expected'
  const { bytes, ...state } = expected
  const record = recordOf(rest.sequence, bytes)
  if (!record.headers.equals(headers)) return 'other headers'
  if (!record.body.equals(body)) return `another body of ${body.length} bytes instead of ${bytes}`
  for (const [name, value] of Object.entries({ ...record, ...state, headers: undefined, body: undefined }))
    if (rest[name] !== value) return `${name} ${rest[name]} instead of ${value}`
  return undefined
}

/** The model of a store that was loaded. */
export function modelOf({ jobs, seen, nextSequence }) {
  const model = newModel()
  for (const { sequence, body, attempt, dueAtMs, deadReason, deadAtMs } of jobs)
    model.jobs.set(sequence, { bytes: body.length, attempt, dueAtMs, deadReason, deadAtMs })
  for (const { id, untilMs } of seen) model.seen.set(id, untilMs)
  model.sequenceMax = nextSequence - 1
  return model
}
