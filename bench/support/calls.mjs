import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { CpuClock, currentCore, percentiles } from './figures.mjs'
import { isMark, readMark, writeMark } from './marks.mjs'
import { isEcho, stamp } from './ping-pong.mjs'

/** A repetition ends early at this number: 32 MiB of samples. */
const SAMPLES_MAX = 4 * 1024 * 1024
/** The same memory for warm-up and measurement. */
let samples

/** The items of a stream are in these buffers, in turn: more than any competitor holds unencoded, so that none needs a copy. */
const ITEM_BUFFERS = 1024
const PROOF_ITEMS = 1024
/** A power of two. */
const ITEMS_PER_CLOCK = 64

/**
 * The functions that the server process of a scenario of calls offers. Marks are calls too.
 * @param {() => void} close runs when the client needs the server no more
 * @returns {import('../baselines/baseline.js').CallHandlers}
 */
export function callHandlers({ messageBytes }, close) {
  let cpu = new CpuClock()
  let served = 0
  let checksum = 0
  const answers = {
    begin() {
      cpu = new CpuClock()
      served = 0
      checksum = 0
    },
    end: () => ({ messages: served, checksum, cpuSeconds: cpu.seconds(), core: currentCore() }),
    close,
  }
  const memory = Buffer.alloc(ITEM_BUFFERS * messageBytes)
  const buffers = Array.from({ length: ITEM_BUFFERS }, (_, index) =>
    memory.subarray(index * messageBytes, (index + 1) * messageBytes),
  )

  function* items(durationMs) {
    const untilMs = performance.now() + durationMs
    while ((served & (ITEMS_PER_CLOCK - 1)) !== 0 || performance.now() < untilMs) {
      const item = buffers[served & (ITEM_BUFFERS - 1)]
      stamp(item, served)
      served += 1
      yield item
    }
  }

  function* proof() {
    for (; served < PROOF_ITEMS; served += 1) {
      const item = randomBytes(messageBytes)
      checksum = crc32(item, checksum)
      yield item
    }
  }

  return {
    call(message) {
      if (isMark(message)) return writeMark(answers[readMark(message).question]() ?? {})
      served += 1
      return message
    },
    items(request) {
      const durationMs = request.readDoubleLE(0)
      return durationMs > 0 ? items(durationMs) : proof()
    },
  }
}

/** Asks the server's `answers[question]()`; resolves to what it returns. */
export async function askServer(caller, question) {
  return readMark(await caller.call(writeMark({ question })))
}

/** Makes one call after the other. Each returns the echo of its message. */
export async function callsInTurn(call, messageBytes, durationMs) {
  samples ??= new Float64Array(SAMPLES_MAX)
  const message = Buffer.alloc(messageBytes)
  const beginMs = performance.now()
  for (let count = 0; ; ) {
    stamp(message, count)
    const sentMs = performance.now()
    const echo = await call(message)
    const nowMs = performance.now()
    if (!isEcho(echo, messageBytes, count)) throw new Error(`the echo of message ${count} is another`)
    samples[count] = (nowMs - sentMs) * 1e6
    count += 1
    if (nowMs - beginMs < durationMs && count < SAMPLES_MAX) continue
    const latencyNanos = () => percentiles(samples.subarray(0, count))
    return { messages: count, seconds: (nowMs - beginMs) / 1000, latencyNanos }
  }
}

/** Receives items for the time, each with its number at both ends. */
export async function itemsFor(caller, messageBytes, durationMs) {
  let count = 0
  const beginMs = performance.now()
  await caller.receive(itemsRequest(durationMs), (item) => {
    if (!isEcho(item, messageBytes, count)) throw new Error(`item ${count} is another`)
    count += 1
  })
  return { messages: count, seconds: (performance.now() - beginMs) / 1000 }
}

/** Receives random bytes and compares the checksums of both sides. */
export async function proveItems(caller) {
  await askServer(caller, 'begin')
  let checksum = 0
  let count = 0
  await caller.receive(itemsRequest(0), (item) => {
    checksum = crc32(item, checksum)
    count += 1
  })
  const server = await askServer(caller, 'end')
  if (count !== PROOF_ITEMS || server.messages !== count || server.checksum !== checksum)
    throw new Error(`of ${PROOF_ITEMS} items of random bytes ${count} came, with another checksum`)
}

/** 0: a fixed number of random items. */
function itemsRequest(durationMs) {
  const request = Buffer.alloc(Float64Array.BYTES_PER_ELEMENT)
  request.writeDoubleLE(durationMs)
  return request
}
