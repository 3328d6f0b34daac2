/** The messages of a tunnel (proto/shmwire/v1/tunnel.proto). Every field is input from the peer and is checked. */
import { ErrorCode, ShmwireError } from '../../errors.js'
import { Fields, FieldWriter } from './fields.js'

/** The number of bytes that one side has received, and the position up to which it takes bytes. */
export interface Progress {
  readonly received: number
  readonly limit: number
}

/** Begins a session, or continues it on a new connection. */
export interface Start extends Progress {
  readonly kind: 'start'
  readonly session: Buffer
  readonly name: string
  readonly resume: boolean
  /** Of the client's machine; empty if it is not known, or if the client does not ask for shared memory. */
  readonly bootId: string
}

export interface Accepted extends Progress {
  readonly kind: 'accepted'
  /** Of the server, if both ends share a machine; otherwise empty. */
  readonly instanceId: string
}

/** Bytes, an acknowledgement, or both. */
export interface Transfer extends Progress {
  readonly kind: 'transfer'
  readonly position: number
  readonly data: Buffer
  readonly end: boolean
}

/** Ends the session: with an error, or because the sender has closed its end. */
export interface Close {
  readonly kind: 'close'
  readonly error: ShmwireError | undefined
}

export type TunnelMessage = Start | Accepted | Transfer | Close

export const SESSION_ID_BYTES = 16
/** The longest `data` of a Transfer. */
export const DATA_BYTES_MAX = 64 * 1024
/** The longest message: its data, and far more than the other fields need. */
export const MESSAGE_BYTES_MAX = DATA_BYTES_MAX + 8 * 1024

const NAME_BYTES_MAX = 64
const ID_BYTES_MAX = 64
const CODE_BYTES_MAX = 64
const TEXT_CHARACTERS_MAX = 1024
const TEXT_BYTES_MAX = 3 * TEXT_CHARACTERS_MAX
const NO_BYTES = Buffer.alloc(0)
const ERROR_CODES: ReadonlySet<string> = new Set(Object.values(ErrorCode))

/** The numbers in OpenRequest and OpenResponse. Start and Accepted have the same one, because each side sends one of them only. */
const Field = { FIRST: 1, TRANSFER: 2, CLOSE: 3 } as const

export function encodeMessage(message: TunnelMessage): Buffer {
  const inner = new FieldWriter()
  switch (message.kind) {
    case 'start':
      inner.bytes(1, message.session).text(2, message.name).integer(3, message.resume)
      inner.integer(4, message.received).integer(5, message.limit).text(6, message.bootId)
      return new FieldWriter().message(Field.FIRST, inner).finish()
    case 'accepted':
      inner.integer(1, message.received).integer(2, message.limit).text(3, message.instanceId)
      return new FieldWriter().message(Field.FIRST, inner).finish()
    case 'transfer':
      inner.integer(1, message.position).bytes(2, message.data).integer(3, message.end)
      inner.integer(4, message.received).integer(5, message.limit)
      return new FieldWriter().message(Field.TRANSFER, inner).finish()
    case 'close':
      inner.text(1, message.error?.code ?? '').text(2, clip(message.error?.message ?? ''))
      return new FieldWriter().message(Field.CLOSE, inner).finish()
  }
}

/** Decodes a message of the client. Throws `CORRUPT`. */
export function decodeRequest(bytes: Buffer): Start | Transfer | Close {
  return decode('OpenRequest', bytes, (start) => readStart(new Fields('Start', start)))
}

/** Decodes a message of the gateway. Throws `CORRUPT`. */
export function decodeResponse(bytes: Buffer): Accepted | Transfer | Close {
  return decode('OpenResponse', bytes, (accepted) => readAccepted(new Fields('Accepted', accepted)))
}

/** Decodes a later message of either side. Throws `CORRUPT`. */
export function decodeNext(bytes: Buffer): Transfer | Close {
  return decode('message', bytes, () => {
    throw corrupt("the tunnel's peer began a session twice on one connection")
  })
}

function decode<First>(
  what: string,
  bytes: Buffer,
  readFirst: (first: Buffer) => First,
): First | Transfer | Close {
  if (bytes.length > MESSAGE_BYTES_MAX)
    throw corrupt(
      `the ${what} of the tunnel's peer has ${bytes.length} bytes, more than ${MESSAGE_BYTES_MAX}`,
    )
  const outer = new Fields(what, bytes)
  const first = outer.bytes(Field.FIRST)
  if (first !== undefined) return readFirst(first)
  const transfer = outer.bytes(Field.TRANSFER)
  if (transfer !== undefined) return readTransfer(new Fields('Transfer', transfer))
  const close = outer.bytes(Field.CLOSE)
  if (close !== undefined) return readClose(new Fields('Close', close))
  throw corrupt(`the ${what} of the tunnel's peer has no message that this version knows`)
}

function readStart(fields: Fields): Start {
  const session = fields.bytes(1)
  if (session?.length !== SESSION_ID_BYTES) throw fields.fault(1, `${SESSION_ID_BYTES} bytes`)
  return {
    kind: 'start',
    session,
    name: fields.text(2, NAME_BYTES_MAX),
    resume: fields.boolean(3),
    received: fields.integer(4),
    limit: fields.integer(5),
    bootId: fields.text(6, ID_BYTES_MAX),
  }
}

function readAccepted(fields: Fields): Accepted {
  const [received, limit] = [fields.integer(1), fields.integer(2)]
  return { kind: 'accepted', received, limit, instanceId: fields.text(3, ID_BYTES_MAX) }
}

function readTransfer(fields: Fields): Transfer {
  const data = fields.bytes(2) ?? NO_BYTES
  if (data.length > DATA_BYTES_MAX) throw fields.fault(2, `at most ${DATA_BYTES_MAX} bytes`)
  return {
    kind: 'transfer',
    position: fields.integer(1),
    data,
    end: fields.boolean(3),
    received: fields.integer(4),
    limit: fields.integer(5),
  }
}

function readClose(fields: Fields): Close {
  const code = fields.text(1, CODE_BYTES_MAX)
  if (code === '') return { kind: 'close', error: undefined }
  const message = `the other end of the tunnel reports: ${fields.text(2, TEXT_BYTES_MAX)}`
  // A later version can have more codes.
  if (ERROR_CODES.has(code)) return { kind: 'close', error: new ShmwireError(code as ErrorCode, message) }
  return { kind: 'close', error: new ShmwireError(ErrorCode.DENIED, `${message} (${code})`) }
}

function clip(text: string): string {
  return text.length > TEXT_CHARACTERS_MAX ? `${text.slice(0, TEXT_CHARACTERS_MAX - 1)}…` : text
}

function corrupt(message: string): ShmwireError {
  return new ShmwireError(ErrorCode.CORRUPT, message)
}
