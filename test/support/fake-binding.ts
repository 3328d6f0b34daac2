import { ErrorCode } from '../../src/errors.js'
import type {
  Credentials,
  NativeBinding,
  NativeError,
  NativeHandoverSocket,
} from '../../src/native/binding.js'

type EndpointOptions = ConstructorParameters<NativeBinding['Endpoint']>[0]

export type FakeStep = 'create' | 'offer' | 'accept' | 'attach' | 'credentials' | 'expect'

export function nativeError(code: string, message: string): NativeError {
  return Object.assign(new Error(message), { code })
}

/** Replaces the addon in tests of the handshake. It has no memory, but counts released resources. */
export class FakeBinding {
  /** Steps that throw this. */
  readonly failures = new Map<FakeStep, Error>()
  /** The number of further offers that find the handover socket full. */
  handoverFull = 0
  drains = 0
  /** The turn of the event loop of each drain. */
  readonly drainTurns: number[] = []
  /** The number of further reads that find foreign datagrams before the client's. */
  datagramsBefore = 0
  endpointsOpen = 0
  readonly endpointOptions: EndpointOptions[] = []
  /** The senders whose descriptors this side accepted, for each call. */
  readonly senders: (Credentials | undefined)[] = []
  /** The sender of the returned descriptors, if it is not the peer of the control socket. */
  answerer: Credentials | undefined
  credentials: Credentials = { pid: 4711, uid: process.geteuid?.() ?? 0, gid: 0 }

  get binding(): NativeBinding {
    const fake = this
    return {
      LAYOUT_VERSION: 1,
      Endpoint: function endpoint(options: EndpointOptions) {
        fake.fail('create')
        fake.endpointOptions.push(options)
        return new FakeEndpoint(fake)
      },
      peerCredentials: () => {
        fake.fail('credentials')
        return fake.credentials
      },
    } as unknown as NativeBinding
  }

  fail(step: FakeStep): void {
    const failure = this.failures.get(step)
    if (failure !== undefined) throw failure
  }
}

let turn = 0
let turnEnds = false

/** A number that no other turn of the event loop has. */
function currentTurn(): number {
  if (!turnEnds) {
    turnEnds = true
    setImmediate(() => {
      turnEnds = false
      turn += 1
    })
  }
  return turn
}

/** Handover sockets by path, in place of the kernel. */
const handoverSockets = new Map<string, FakeHandoverSocket>()

export class FakeHandoverSocket implements NativeHandoverSocket {
  readonly expected = new Set<string>()
  readonly arrived = new Map<string, FakeEndpoint>()
  readonly #fake: FakeBinding
  readonly #path: string

  constructor(fake: FakeBinding, path: string) {
    this.#fake = fake
    this.#path = path
    handoverSockets.set(path, this)
  }

  expect(token: Uint8Array, sender?: Credentials): void {
    this.#fake.senders.push(sender)
    this.#fake.fail('expect')
    this.expected.add(hex(token))
  }

  discard(token: Uint8Array): void {
    this.expected.delete(hex(token))
    this.arrived.delete(hex(token))
  }

  drain(): boolean {
    this.#fake.drains += 1
    this.#fake.drainTurns.push(currentTurn())
    return true
  }

  settle(token: Uint8Array): boolean {
    if (!this.expected.has(hex(token))) throw nativeError(ErrorCode.INVALID_ARGUMENT, 'not expected')
    this.#fake.datagramsBefore -= 1
    return this.#fake.datagramsBefore < 0
  }

  close(): void {
    handoverSockets.delete(this.#path)
  }
}

class FakeEndpoint {
  readonly #fake: FakeBinding
  #open = true
  #acceptedBy: FakeEndpoint | undefined

  constructor(fake: FakeBinding) {
    this.#fake = fake
    fake.endpointsOpen += 1
  }

  offerHandles(path: string, token: Uint8Array): boolean {
    this.#check('offer')
    const handoverSocket = handoverSockets.get(path)
    if (handoverSocket === undefined)
      throw nativeError(ErrorCode.UNAVAILABLE, `no handover socket at ${path}`)
    if (this.#fake.handoverFull > 0) {
      this.#fake.handoverFull -= 1
      return false
    }
    if (handoverSocket.expected.has(hex(token))) handoverSocket.arrived.set(hex(token), this)
    return true
  }

  acceptHandles(handoverSocket: FakeHandoverSocket, token: Uint8Array): void {
    this.#check('accept')
    const other = handoverSocket.arrived.get(hex(token))
    if (other === undefined) throw nativeError(ErrorCode.CORRUPT, 'nothing came with the token')
    other.#acceptedBy = this
  }

  attachPeer(server?: Credentials): void {
    this.#fake.senders.push(server)
    this.#check('attach')
    const { answerer } = this.#fake
    if (answerer !== undefined && server !== undefined && answerer.pid !== server.pid)
      throw nativeError(ErrorCode.CORRUPT, 'another process sent the descriptors')
    if (this.#acceptedBy === undefined) throw nativeError(ErrorCode.CORRUPT, 'nobody accepted')
  }

  close(): void {
    if (this.#open) this.#fake.endpointsOpen -= 1
    this.#open = false
  }

  #check(step: FakeStep): void {
    if (!this.#open) throw new TypeError(`${step} after close`)
    this.#fake.fail(step)
  }
}

function hex(token: Uint8Array): string {
  return Buffer.from(token).toString('hex')
}
