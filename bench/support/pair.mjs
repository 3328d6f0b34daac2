import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadBaseline } from './catalog.mjs'
import { PeerProcess } from './peer-process.mjs'

const PEER = fileURLToPath(new URL('peer.mjs', import.meta.url))
/** Time for two processes to start and to end on a busy machine. */
const GRACE_MS = 30_000

/**
 * One repetition: a new server process and a new client process, so that no repetition inherits compiled code,
 * memory or a core from another. The parent sleeps meanwhile.
 * @returns {Promise<{ figures: import('../scenarios/scenario.js').Figures, transport: string }>}
 */
export async function runPair({ node, scenarioName, baselineName, options }) {
  const { startsServer = false } = await loadBaseline(baselineName)
  return withPeers(node, { scenarioName, baselineName, options }, async (start, ends) => {
    if (!startsServer) await start('server').said()
    const client = start('client')
    // The first process that fails gives the reason.
    const [result] = await Promise.all([client.said(), ...ends()])
    return result
  })
}

/** One repetition of a setup: a new process, which starts the others that it needs. */
export function runSetup({ node, scenarioName, setupName, options }) {
  return withPeers(node, { scenarioName, setupName, options }, async (start, ends) => {
    const [result] = await Promise.all([start('setup').said(), ...ends()])
    return result
  })
}

async function withPeers(node, task, run) {
  const { options } = task
  const folder = mkdtempSync(join(tmpdir(), 'shmwire-bench-'))
  const peers = []
  const start = (side) => {
    const whole = JSON.stringify({ ...task, side, path: join(folder, 'socket') })
    const command = [...(options.pinned ? onOneCore() : []), node, PEER, whole]
    const peer = new PeerProcess(side, command)
    peers.push(peer)
    return peer
  }
  const timer = setTimeout(
    () => {
      for (const peer of peers) peer.kill('it took too long')
    },
    GRACE_MS + options.warmUpMs + options.durationMs + (options.extraMs ?? 0),
  )
  try {
    return await run(start, () => peers.map((peer) => peer.ended))
  } finally {
    clearTimeout(timer)
    for (const peer of peers) peer.kill()
    await Promise.allSettled(peers.map((peer) => peer.ended))
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The first core that this process may use. */
function onOneCore() {
  const [, core] = /^Cpus_allowed_list:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'latin1'))
  return ['taskset', '-c', core]
}
