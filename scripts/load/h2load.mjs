// h2load of nghttp2 against the gRPC gateway. It sees the status of HTTP and not that of gRPC, which is in trailers.
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Histogram } from '../../test/process/children/load/histogram.mjs'
import { nowMs } from '../../test/process/children/load/outcomes.mjs'
import { run } from '../stages/command.mjs'

const CLIENTS = 4
const STREAMS = 10
const US_PER_MS = 1_000
/** GetUserRequest { id: 7 } in a frame of gRPC. */
const MESSAGE = Buffer.from([0, 0, 0, 0, 2, 8, 7])

export class H2load {
  /** Why it is left out; undefined if it is there. */
  missing
  #url
  #body
  #log
  #latency = new Histogram()
  #errors = []
  #started = 0

  constructor(folder, port) {
    const { error } = spawnSync('h2load', ['--version'])
    if (error !== undefined) this.missing = `apt-get install nghttp2-client: ${error.message}`
    this.#url = `http://127.0.0.1:${port}/user.UserService/GetUser`
    this.#body = join(folder, 'get-user')
    this.#log = join(folder, 'h2load.log')
    writeFileSync(this.#body, MESSAGE)
  }

  /** Calls for so long, so often a second. Never rejects. */
  async hour({ rate, durationMs }) {
    const count = Math.max(CLIENTS, Math.round((rate * durationMs) / 1000))
    const atMs = nowMs()
    const { output } = await run('h2load', [
      `--clients=${CLIENTS}`,
      `--max-concurrent-streams=${STREAMS}`,
      `--requests=${count}`,
      `--rps=${Math.max(1, rate / CLIENTS)}`,
      '--header=content-type: application/grpc',
      '--header=te: trailers',
      `--data=${this.#body}`,
      `--log-file=${this.#log}`,
      this.#url,
    ])
    this.#started += count
    const succeeded = this.#readLog()
    if (succeeded < count)
      this.#errors.push({ atMs, lastsMs: nowMs() - atMs, kind: kindOf(output), count: count - succeeded })
    return succeeded
  }

  outcomes() {
    return { started: this.#started, open: 0, latency: this.#latency.toJSON(), errors: this.#errors }
  }

  /** Lines of: time, status of HTTP, microseconds. A request without an answer has the status -1. */
  #readLog() {
    let succeeded = 0
    for (const line of readLines(this.#log)) {
      const [, status, us] = line.split('\t').map(Number)
      if (status !== 200) continue
      this.#latency.record(us / US_PER_MS)
      succeeded += 1
    }
    rmSync(this.#log, { force: true })
    return succeeded
  }
}

function kindOf(output) {
  return /[1-9]\d* (3xx|4xx|5xx)/.exec(output)?.[1] ?? 'no answer'
}

function readLines(file) {
  try {
    return readFileSync(file, 'utf8').split('\n').slice(0, -1)
  } catch (error) {
    // It writes none if no client was connected.
    if (error.code === 'ENOENT') return []
    throw error
  }
}
