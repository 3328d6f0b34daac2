import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Channel } from '../../channel/channel.js'
import { connect } from '../../connect.js'
import { waitWithin } from '../../deadline.js'
import type { TransportChoice, WaitOptions } from '../../options.js'
import { firstLineOfThrown, textOfThrown } from '../../uncaught.js'
import { CommandError } from '../command.js'
import type { PeerReport } from './protocol.js'

/** The file of peer.ts in the package, which is bundled on its own. */
const PEER_FILE = 'dist/cli/peer/peer.js'
const STDERR_CHARACTERS_MAX = 2_000

/** Another process of this program, which answers messages. */
export class PeerProcess {
  readonly #child: ChildProcess
  readonly #address: string
  readonly #directory: string | undefined

  private constructor(child: ChildProcess, address: string, directory: string | undefined) {
    this.#child = child
    this.#address = address
    this.#directory = directory
  }

  /** Resolves when it listens. Rejects with CommandError, `TIMEOUT`, `ABORTED`. `root` is the folder of the package. */
  static async start(root: string, bounds: WaitOptions): Promise<PeerProcess> {
    const { address, directory } = newAddress()
    const child = forkPeer(root, address)
    if (child instanceof CommandError) {
      if (directory !== undefined) rmSync(directory, { recursive: true })
      throw child
    }
    const peer = new PeerProcess(child, address, directory)
    try {
      await listening(child, bounds)
      return peer
    } catch (error) {
      peer.stop()
      throw error
    }
  }

  /** Rejects with the errors of `connect`. */
  connect(transport: TransportChoice, bounds: WaitOptions): Promise<Channel> {
    return connect(this.#address, { codec: 'bytes', transport, ...bounds })
  }

  stop(): void {
    this.#child.kill('SIGKILL')
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true })
  }
}

/** `fork` throws at once if the permission model of Node.js forbids it. */
function forkPeer(root: string, address: string): ChildProcess | CommandError {
  try {
    return fork(join(root, PEER_FILE), [address], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
  } catch (cause) {
    const flag = 'permission' in process ? '; start node with --allow-child-process' : ''
    return new CommandError(`another process cannot be started: ${firstLineOfThrown(cause)}${flag}`, {
      cause,
    })
  }
}

/** In a directory of its own, so that no other program notices the server. Windows has names only. */
function newAddress(): { readonly address: string; readonly directory: string | undefined } {
  if (process.platform === 'win32') return { address: `shmwire-peer-${process.pid}`, directory: undefined }
  try {
    const directory = mkdtempSync(join(tmpdir(), 'shmwire-peer-'))
    return { address: `unix:${join(directory, 's')}`, directory }
  } catch (error) {
    throw new CommandError(
      `cannot create a directory for a socket in ${tmpdir()}: ${textOfThrown(error)}; set TMPDIR to a directory that this user may write to`,
      { cause: error },
    )
  }
}

function listening(child: ChildProcess, bounds: WaitOptions): Promise<void> {
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    if (stderr.length < STDERR_CHARACTERS_MAX) stderr += text
  })
  return waitWithin(bounds, 'starting another process', (resolve, reject) => {
    const fail = (reason: string): void => reject(new CommandError(`the other process ${reason}`))
    child.once('error', (error) => fail(`cannot be started: ${error.message}`))
    child.once('close', (code, signal) => fail(`ended with ${signal ?? `code ${code}`}: ${stderr.trim()}`))
    child.once('message', (report: PeerReport) => {
      if ('listening' in report) resolve()
      else fail(`cannot listen: ${report.error}`)
    })
    return () => {}
  })
}
