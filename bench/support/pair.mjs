import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const PEER = fileURLToPath(new URL('peer.mjs', import.meta.url))
/** For two processes to start and to end, on a busy machine. */
const GRACE_MS = 30_000

/**
 * One repetition: a server process and a client process, both fresh, so that no repetition inherits compiled code,
 * memory or a core from another. The parent sleeps meanwhile.
 * @returns {Promise<{ figures: import('../scenarios/scenario.js').Figures, transport: string }>}
 */
export async function runPair({ node, scenarioName, baselineName, options }) {
  const folder = mkdtempSync(join(tmpdir(), 'shmwire-bench-'))
  const peers = []
  const start = (side) => {
    const peer = new PeerProcess(node, {
      side,
      scenarioName,
      baselineName,
      path: join(folder, 'socket'),
      options,
    })
    peers.push(peer)
    return peer
  }
  const timer = setTimeout(
    () => {
      for (const peer of peers) peer.kill()
    },
    GRACE_MS + options.warmUpMs + options.durationMs,
  )
  try {
    const server = start('server')
    await server.said()
    const client = start('client')
    // Whichever ends first in error says why.
    const [result] = await Promise.all([client.said(), server.ended, client.ended])
    return result
  } finally {
    clearTimeout(timer)
    for (const peer of peers) peer.kill()
    await Promise.allSettled(peers.map((peer) => peer.ended))
    rmSync(folder, { recursive: true, force: true })
  }
}

class PeerProcess {
  /** Resolves when the process has ended well. */
  ended
  #child
  #said

  constructor(node, task) {
    const child = spawn(node, [PEER, JSON.stringify(task)], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    let errorText = ''
    child.stderr.setEncoding('utf8').on('data', (text) => {
      errorText += text
    })
    this.ended = new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code, signal) => {
        if (code === 0) resolve()
        else reject(new Error(`the ${task.side} ended with ${signal ?? `code ${code}`}${gistOf(errorText)}`))
      })
    })
    const line = new Promise((resolve) => createInterface({ input: child.stdout }).once('line', resolve))
    this.#said = Promise.race([line.then(JSON.parse), this.ended])
    // They are awaited later, perhaps after both have failed.
    this.ended.catch(() => {})
    this.#said.catch(() => {})
  }

  /** The line that it writes. */
  async said() {
    const message = await this.#said
    if (message === undefined) throw new Error('a process ended without a word')
    return message
  }

  kill() {
    this.#child.kill('SIGKILL')
  }
}

/** The line of an uncaught error that says what is wrong. */
function gistOf(errorText) {
  const gist =
    errorText.split('\n').find((line) => /^(?:\w*Error|\w+ \[\w+\]): /.test(line)) ?? errorText.trim()
  return gist === '' ? '' : `: ${gist}`
}
