// Calls the service over shared memory: clients of a pool, with retries, a circuit breaker and a bulkhead. All kinds of calls.
import { client } from '../../../../dist/index.js'
import {
  bulkhead,
  channelPool,
  circuitBreaker,
  RetryBudget,
  retry,
} from '../../../../dist/resilience/index.js'
import { contractFrom } from '../gateway-kills/contract.mjs'
import { kindOfCall, Outcomes, untilEnded } from './outcomes.mjs'
import { pacer } from './pace.mjs'

const CLIENTS = 4
const OPEN_MAX = 500
const TIMEOUT_MS = 10_000
/** Of sixteen calls. The others get a user. */
const STREAM_AT = 3
const CREATE_AT = 7
const CHAT_AT = 11
const CYCLE = 16
const CHAT_MESSAGES = 10n

export async function startCaller({ descriptors, address, peak }) {
  const contract = contractFrom(descriptors)
  const pool = channelPool({ backOff: { minMs: 5, maxMs: 200 } })
  const budget = new RetryBudget()
  const clients = []
  for (let count = 0; count < CLIENTS; count += 1) {
    const interceptors = [
      retry({ budget }),
      circuitBreaker({ openMs: 300, windowMs: 2_000 }),
      bulkhead({ concurrency: OPEN_MAX }),
    ]
    clients.push(await client(pool.at(address), { contract, interceptors, timeoutMs: TIMEOUT_MS }))
  }
  const unary = new Outcomes()
  const streams = new Outcomes()
  let number = 0
  let pace

  function begin() {
    if (unary.open + streams.open >= OPEN_MAX) return false
    number += 1
    const users = clients[number % CLIENTS]
    const id = BigInt(number)
    const turn = number % CYCLE
    if (turn === STREAM_AT) void streams.run(() => readStream(users, id), kindOfCall)
    else if (turn === CHAT_AT) void streams.run(() => chat(users), kindOfCall)
    else if (turn === CREATE_AT) void unary.run(() => create(users, id), kindOfCall)
    else void unary.run(() => get(users, id), kindOfCall)
  }

  return {
    async begin() {
      pace = await pacer(peak, begin)
    },
    async stop() {
      const share = await pace.stop()
      await untilEnded(unary, streams)
      return { outcomes: { 'shm call': unary, 'shm stream': streams }, share }
    },
    async close() {
      await Promise.all(clients.map((one) => one.$close()))
      await pool.close()
    },
  }
}

async function get(users, id) {
  const { user } = await users.getUser({ id })
  if (user.id !== id) throw new Error('the answer of another call')
}

async function create(users, id) {
  const { user } = await users.createUser({ user: { id } })
  if (user.id !== id) throw new Error('the answer of another call')
}

async function readStream(users, id) {
  let next = id
  for await (const user of users.streamUsers({ id })) {
    if (user.id !== next) throw new Error('a message of a stream is missing')
    next += 1n
  }
  if (next === id) throw new Error('a stream without its messages')
}

async function chat(users) {
  async function* messages() {
    for (let id = 0n; id < CHAT_MESSAGES; id += 1n) yield { id }
  }
  let next = 0n
  for await (const { id } of users.chat(messages())) {
    if (id !== next) throw new Error('a message of a chat is missing')
    next += 1n
  }
  if (next !== CHAT_MESSAGES) throw new Error('a chat ended early')
}
