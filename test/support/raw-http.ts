import { connect } from 'node:net'

/** A reply, as its bytes state it. */
export interface RawReply {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

/** A request with exactly these parts. */
export interface RawRequest {
  readonly method?: string
  readonly target: string
  readonly version?: string
  readonly headers?: readonly string[]
  readonly body?: string | Uint8Array
}

/** The bytes of a request. A body gets its `content-length`, unless a header states how it is sent. */
export function rawRequest({
  method = 'GET',
  target,
  version = '1.1',
  headers = [],
  body,
}: RawRequest): Buffer {
  const bytes = Buffer.from(body ?? '')
  const has = (name: string): boolean => headers.some((line) => line.toLowerCase().startsWith(`${name}:`))
  const lines = [`${method} ${target} HTTP/${version}`, ...headers]
  if (!has('host')) lines.push('host: localhost')
  if (!has('connection')) lines.push('connection: close')
  if (body !== undefined && !has('content-length') && !has('transfer-encoding'))
    lines.push(`content-length: ${bytes.length}`)
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), bytes])
}

/** Sends bytes, and resolves to all that the server answers until it ends the connection. */
export function exchangeBytes(port: number, bytes: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    // A server that refuses a long request ends the connection before it has read it.
    socket.on('error', (error: NodeJS.ErrnoException) =>
      chunks.length > 0 ? resolve(Buffer.concat(chunks)) : reject(error),
    )
    socket.once('end', () => resolve(Buffer.concat(chunks)))
    socket.write(bytes)
  })
}

/** Sends a request on a connection of its own. */
export async function sendRaw(port: number, request: RawRequest): Promise<RawReply> {
  return parseReply(await exchangeBytes(port, rawRequest(request)))
}

/** The first reply of the bytes. */
export function parseReply(bytes: Buffer): RawReply {
  const text = bytes.toString()
  const end = text.indexOf('\r\n\r\n')
  const [line = '', ...fields] = text.slice(0, end).split('\r\n')
  const headers = new Map(
    fields.map((field) => {
      const colon = field.indexOf(':')
      return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()]
    }),
  )
  return { status: Number(line.split(' ')[1]), headers, body: text.slice(end + 4) }
}
