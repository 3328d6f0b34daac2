import { isAbsolute, join, resolve } from 'node:path'
import { isName } from '../address/plain-name.js'
import type { ObserveOptions } from '../control/observe-server.js'
import { checkMayDiscover } from '../control/permission-model.js'
import { checkRuntimeDirectory, runtimeDirectory } from '../control/runtime-directory.js'
import { listPublished } from '../control/server-files.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import type { Logger } from '../log/logger.js'
import { loadBinding } from '../native/load-binding.js'
import { checkWaitOptions, invalid, resolveOptions, type WaitOptions } from '../options.js'
import type { Peer } from '../peer.js'

/** The options of `listServers` and `watchServers`. */
export interface DiscoveryOptions {
  /**
   * The absolute path of the directory to search, for servers that listen at `unix:` and a path in it. Default: the directory of plain
   * names.
   */
  directory?: string | undefined
  /** A server that does not answer within so many milliseconds does not count. 1 to 60,000. Default 2,000. */
  answerTimeoutMs?: number | undefined
  /** Decides which servers count, as for `connect`. Default: those of the same user. */
  authorize?: ((peer: Peer) => boolean) | undefined
  /** Receives one line for each server that does not count, and why. Default: none. */
  logger?: Logger | undefined
}

const OPTION_NAMES = ['directory', 'answerTimeoutMs', 'authorize', 'logger', 'signal', 'timeoutMs']
const ANSWER_TIMEOUT_MS_DEFAULT = 2_000
const ANSWER_TIMEOUT_MS_MAX = 60_000

/** Where and how to search for servers. */
export interface Place extends Pick<ObserveOptions, 'settings' | 'native'> {
  readonly directory: string
  /** Whether it is the private directory of plain names. */
  readonly isPrivate: boolean
  readonly answerTimeoutMs: number
}

/** A published socket, whose server can be dead. */
export interface PublishedName {
  readonly name: string
  /** For `connect`. */
  readonly address: string
  /** Of the socket. */
  readonly path: string
}

/** Throws `INVALID_ARGUMENT`, `DENIED`, `UNAVAILABLE`. */
export function resolvePlace(options: DiscoveryOptions & WaitOptions): Place {
  checkWaitOptions(options, OPTION_NAMES)
  if (process.platform === 'win32') {
    const message =
      'servers cannot be listed on Windows, which reports no changes of its pipes; keep their names in the configuration'
    throw new ShmwireError(ErrorCode.UNAVAILABLE, message)
  }
  const { directory, answerTimeoutMs = ANSWER_TIMEOUT_MS_DEFAULT, authorize, logger } = options
  const isInRange =
    Number.isInteger(answerTimeoutMs) && answerTimeoutMs >= 1 && answerTimeoutMs <= ANSWER_TIMEOUT_MS_MAX
  if (!isInRange)
    throw invalid('answerTimeoutMs', answerTimeoutMs, `an integer from 1 to ${ANSWER_TIMEOUT_MS_MAX}`)
  const place: Place = {
    directory: directory === undefined ? runtimeDirectory() : checkDirectory(directory),
    isPrivate: directory === undefined,
    answerTimeoutMs,
    settings: resolveOptions({ authorize, logger }),
    native: loadBinding(),
  }
  checkMayDiscover(place.directory)
  return place
}

/** The published sockets of a place in the order of their names. Any program can have made them. Throws `DENIED` and other errors of the directory. */
export function listNames({ directory, isPrivate }: Place): PublishedName[] {
  if (isPrivate) checkRuntimeDirectory(directory)
  const names: PublishedName[] = []
  for (const file of listPublished(directory)) {
    const path = join(directory, file)
    const name = file.replace(/\.sock$/, '')
    if (!isPrivate) names.push({ name, address: `unix:${path}`, path })
    else if (name !== file && isName(name)) names.push({ name, address: name, path })
  }
  return names.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

function checkDirectory(directory: unknown): string {
  const isPath = typeof directory === 'string' && isAbsolute(directory) && !directory.includes('\0')
  if (!isPath) throw invalid('directory', directory, 'an absolute path')
  return resolve(directory)
}
