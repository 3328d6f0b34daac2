import { ErrorCode, ShmwireError } from '../../../errors.js'
import type { EngineConnection, MsgHdrs } from '../connection.js'
import { faultOf } from '../faults.js'
import { retrying } from '../retrying.js'

/** Of a value of a cell. The value itself is the body, so that any client of the key-value store can read it. */
const Field = { EPOCH: 'Shmwire-Epoch', VERSION: 'Shmwire-Version', CODEC: 'Shmwire-Codec' } as const

/** Parts of a subject on which a writer answers, and on which it announces its end. */
export const Part = { WRITER: 'writer', CLOSED: 'closed' } as const

/** Of values that other programs have put into the store. Their versions are the revisions of the store. */
export const FOREIGN_EPOCH = 'kv'

export interface ValueHead {
  readonly epoch: string
  readonly version: number
  readonly codec: string
}

export function whatOfCell(name: string): string {
  return `the cell ${JSON.stringify(name)}`
}

/** The stream of a key-value bucket has this name. */
export function bucketStream({ settings }: EngineConnection): string {
  return `KV_${settings.names.bucket}`
}

export function valueSubject({ settings }: EngineConnection, name: string): string {
  const { names } = settings
  return `$KV.${names.bucket}.${names.key(name)}`
}

/** Creates the bucket of all cells. */
export async function ensureBucket(connection: EngineConnection, what: string): Promise<void> {
  const { packages, client, settings } = connection
  const { replicas, storage } = settings
  try {
    const manager = new packages.kv.Kvm(client)
    await retrying(() => manager.create(settings.names.bucket, { replicas, storage, history: 1 }))
  } catch (error) {
    throw faultOf(error, what)
  }
}

export function addValueHead(target: MsgHdrs, { epoch, version, codec }: ValueHead): void {
  target.set(Field.EPOCH, epoch)
  target.set(Field.VERSION, String(version))
  target.set(Field.CODEC, encodeURIComponent(codec))
}

/** Undefined: another program has written or deleted the value. Throws `CORRUPT`. */
export function readValueHead(source: MsgHdrs | undefined, what: string): ValueHead | undefined {
  const epoch = source?.get(Field.EPOCH) ?? ''
  if (epoch === '') return undefined
  const version = Number(source?.get(Field.VERSION))
  const codec = source?.get(Field.CODEC) ?? ''
  if (!/^[\w-]{1,64}$/.test(epoch) || !Number.isSafeInteger(version) || version < 1 || codec === '')
    throw new ShmwireError(ErrorCode.CORRUPT, `${what} has a value with malformed headers`)
  return { epoch, version, codec: decodeCodec(codec) }
}

function decodeCodec(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** The sequence of the value in the stream; 0: there is none. */
export async function lastValueSequence(connection: EngineConnection, name: string): Promise<number> {
  const { manager } = connection
  try {
    const query = { last_by_subj: valueSubject(connection, name) }
    const found = await retrying(() => manager.streams.getMessage(bucketStream(connection), query))
    return found?.seq ?? 0
  } catch (error) {
    throw faultOf(error, whatOfCell(name))
  }
}
