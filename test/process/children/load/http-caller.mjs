// Calls idempotent methods over REST, and accounts for each request: it has an answer with the right body, or an error.

import { openSync, writeSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { Outcomes, untilEnded } from './outcomes.mjs'
import { pacer } from './pace.mjs'

const OPEN_MAX = 100
const TIMEOUT_MS = 15_000
/** Of four requests, one changes a user. */
const PUT_AT = 3
const CYCLE = 4

export async function startHttpCaller({ port, peak, file }) {
  const agent = new Agent({ keepAlive: true, maxSockets: OPEN_MAX })
  const answered = openSync(file, 'a')
  const outcomes = new Outcomes()
  let number = 0
  let pace

  function begin() {
    if (outcomes.open >= OPEN_MAX) return false
    number += 1
    const id = number
    const call = id % CYCLE === PUT_AT ? () => put(id) : () => get(id)
    void outcomes.run(call, (error) => error.code ?? error.message)
  }

  async function get(id) {
    const { user } = await exchange('GET', id)
    if (user.id !== String(id)) throw new Error('the answer of another request')
  }

  async function put(id) {
    await exchange('PUT', id, JSON.stringify({ name: 'load' }))
    writeSync(answered, `${id}\n`)
  }

  function exchange(method, id, body) {
    return new Promise((resolve, reject) => {
      const headers = body === undefined ? {} : { 'content-type': 'application/json' }
      const path = `/api/v1/users/${id}`
      const call = request({ agent, port, method, path, headers, host: '127.0.0.1', timeout: TIMEOUT_MS })
      call.on('timeout', () => call.destroy(new Error('no answer in time')))
      call.on('error', reject)
      call.on('response', (reply) => {
        let text = ''
        reply.setEncoding('utf8').on('data', (part) => {
          text += part
        })
        reply.on('error', reject)
        reply.on('end', () => {
          if (reply.statusCode !== 200) reject(new Error(String(reply.statusCode)))
          else resolve(JSON.parse(text))
        })
      })
      call.end(body)
    })
  }

  return {
    async begin() {
      pace = await pacer(peak, begin)
    },
    async stop() {
      const share = await pace.stop()
      await untilEnded(outcomes)
      return { outcomes: { 'REST call': outcomes }, share }
    },
    /** Ends the connections that no request has. */
    rest: () => agent.destroy(),
    close: () => agent.destroy(),
  }
}
