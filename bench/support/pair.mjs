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
  const folder = mkdtempSync(join(tmpdir(), 'shmwire-bench-'))
  const peers = []
  const start = (side) => {
    const task = { side, scenarioName, baselineName, path: join(folder, 'socket'), options }
    const command = [...(options.pinned ? onOneCore() : []), node, PEER, JSON.stringify(task)]
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
    if (!startsServer) await start('server').said()
    const client = start('client')
    // The first process that fails gives the reason.
    const [result] = await Promise.all([client.said(), ...peers.map((peer) => peer.ended)])
    return result
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
