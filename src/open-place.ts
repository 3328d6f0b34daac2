import type { Socket } from 'node:net'
import type { PipeAddress } from './address/pipe-address.js'
import type { UnixAddress } from './address/unix-address.js'
import type { Address, StdioAddress } from './address.js'
import { holdName } from './control/hold-name.js'
import type { WhenInUse } from './control/name-lease.js'
import { checkMayListen, checkMayUseNetwork } from './control/permission-model.js'
import { ServedName } from './control/served-name.js'
import { listenOnPort, ServedPort } from './control/served-port.js'
import { ErrorCode, ShmwireError } from './errors.js'
import { withoutMemory } from './establish.js'
import { loadForChannels } from './load-for-channels.js'
import { memoryFault, type NativeLoad } from './native/load-binding.js'
import type { Settings, WaitOptions } from './options.js'
import type { StreamTransport } from './transport.js'

/** An address at which this process listens. */
export interface Place {
  readonly native: NativeLoad
  readonly transport: StreamTransport
  /** Passes accepted sockets on from now on. Call it in the turn in which `openPlace` resolves. */
  readonly serve: (accept: (socket: Socket) => void) => ServedName | ServedPort
}

type Bounds = WaitOptions & { readonly whenInUse: WhenInUse }

/** Begins to listen at an address. Rejects as `listen` does, and then leaves nothing open. */
export async function openPlace(
  target: Exclude<Address, StdioAddress>,
  settings: Settings,
  bounds: Bounds,
): Promise<Place> {
  if (target.kind === 'unix') return openName(target, settings, bounds)
  if (target.kind === 'pipe' && target.isPrivate) return openPipe(target, settings, bounds)
  const { kind: transport, text } = target
  checkMayUseNetwork(`listen at ${text}`)
  const server = await listenOnPort(target, settings, bounds)
  const serve = (accept: (socket: Socket) => void): ServedPort =>
    new ServedPort(target, server, settings, accept)
  return { native: withoutMemory(transport), transport, serve }
}

/** Windows gives the name to one process, and takes it back when the process ends. */
async function openPipe(target: PipeAddress, settings: Settings, bounds: Bounds): Promise<Place> {
  const native = await loadForServer(settings)
  checkMayUseNetwork(`listen at ${target.text}`)
  const hasMemory = settings.transport !== 'socket' && memoryFault(native) === undefined
  const handover =
    hasMemory && 'binding' in native ? new native.binding.HandoverSocket(target.path) : undefined
  const server = await listenOnPort(target, settings, bounds)
  const serve = (accept: (socket: Socket) => void): ServedPort =>
    new ServedPort(target, server, settings, accept, handover)
  return { native, transport: 'pipe', serve }
}

async function loadForServer(settings: Settings): Promise<NativeLoad> {
  const native = await loadForChannels(settings)
  const fault = memoryFault(native)
  if (settings.transport === 'shm' && fault !== undefined)
    throw new ShmwireError(ErrorCode.UNAVAILABLE, `transport 'shm' cannot be used here: ${fault}`)
  return native
}

async function openName(
  { path, text, directory }: UnixAddress,
  settings: Settings,
  bounds: Bounds,
): Promise<Place> {
  const native = await loadForServer(settings)
  checkMayListen(path)
  const names = { path, text, directory, settings, native }
  const holding = await holdName(names, bounds)
  const serve = (accept: (socket: Socket) => void): ServedName => new ServedName(names, holding, accept)
  return { native, transport: 'unix', serve }
}
