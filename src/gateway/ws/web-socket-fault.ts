import { socketError } from '../../control/socket-error.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { printable } from '../../printable.js'

/** The codes of the end of a WebSocket (RFC 6455, section 7.4.1) after which another connection would fail in the same way, and the other ones that say more than that it broke. */
const CLOSE_CODES: ReadonlyMap<number, ErrorCode> = new Map([
  [1002, ErrorCode.CORRUPT],
  [1003, ErrorCode.CORRUPT],
  [1007, ErrorCode.CORRUPT],
  [1008, ErrorCode.DENIED],
  [1009, ErrorCode.CORRUPT],
  [1013, ErrorCode.UNAVAILABLE],
])
/** Without a close of the peer. */
const NORMAL = new Set([1000, 1001, 1005, 1006])
/** Proxies answer with these when the gateway does not run. */
const ABSENT = new Set([502, 504])
const REASON_CHARACTERS_MAX = 512

/** The error of a WebSocket that has ended. Undefined: the peer gave no reason. */
export function closeFault(code: number, reason: Buffer, place: string): ShmwireError | undefined {
  if (NORMAL.has(code)) return undefined
  const text = printable(reason.toString(), REASON_CHARACTERS_MAX)
  const message = `${place} ended the WebSocket with the code ${code}${text === '' ? '' : `: ${text}`}`
  return new ShmwireError(CLOSE_CODES.get(code) ?? ErrorCode.PEER_GONE, message)
}

/** The error of an answer that refuses the upgrade. */
export function answerFault(status: number, body: string, place: string): ShmwireError {
  const [code, remedy] = meaning(status)
  const text = printable(body.trim(), REASON_CHARACTERS_MAX)
  const shown = text === '' ? '' : `: ${text}`
  return new ShmwireError(
    code,
    `${place} refuses a WebSocket with the HTTP status ${status}${shown}; ${remedy}`,
  )
}

function meaning(status: number): [ErrorCode, string] {
  if (status === 401 || status === 403) return [ErrorCode.DENIED, 'check the credentials of the client']
  if (status === 429 || status === 503) return [ErrorCode.UNAVAILABLE, 'try again later']
  if (ABSENT.has(status)) return [ErrorCode.NOT_LISTENING, 'start the gateway']
  if (status >= 500) return [ErrorCode.PEER_GONE, 'see the log of the gateway']
  return [ErrorCode.VERSION, 'check what listens at the address, and the path']
}

/** The error of a WebSocket, before or after the upgrade. */
export function webSocketFault(error: NodeJS.ErrnoException, place: string): ShmwireError {
  const { code = '', message } = error
  if (code.startsWith('WS_ERR_'))
    return new ShmwireError(ErrorCode.CORRUPT, `${place} broke the protocol of WebSockets: ${message}`, {
      cause: error,
    })
  // The parser of HTTP, or an answer whose headers ws does not accept.
  if (code.startsWith('HPE_') || code === '')
    return new ShmwireError(
      ErrorCode.VERSION,
      `${place} does not speak ${code === '' ? 'the protocol of tunnels' : 'HTTP'} (${message}); check what listens at the address`,
      { cause: error },
    )
  return socketError(error, place)
}
