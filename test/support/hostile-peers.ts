import { once } from 'node:events'
import { closeSync } from 'node:fs'
import { createConnection, createServer, type Socket } from 'node:net'
import { handoverPath } from '../../src/control/server-files.js'
import { FrameKind } from '../../src/wire/frames.js'
import { Child } from './child.js'
import { DATA_OFFSET, type ForgedRecord, ForgedSegment, GrowthStep, Word } from './forged-segment.js'
import { hostileNative, SocketType } from './hostile-native.js'
import { HELLO as COMMON, RawPeer } from './raw-peer.js'

const HELLO = { ...COMMON, codec: 'bytes', maxMessageBytes: 1 << 20, pid: process.pid }
const TOKEN = '5a'.repeat(16)

export type Frame = Awaited<ReturnType<RawPeer['read']>>

/**
 * The test's end of a connection to a victim, over shared memory. It keeps the protocol unless the test
 * breaks it. `close` releases its resources.
 */
export class HostilePeer {
  readonly control: RawPeer
  readonly segment: ForgedSegment
  /** The victim's segment, read-only, once it was mapped. */
  #victim: ArrayBuffer | undefined
  /** The number of the victim's channel to this peer. */
  channel: number | undefined
  /** The doorbell of the victim. */
  doorbell = -1
  /** The receiving end of its own doorbell, and the end that the victim gets. */
  readonly ownDoorbell: number
  readonly passedDoorbell: number
  readonly #descriptors: number[]
  #position = 0
  #sequence = 0

  constructor(control: RawPeer, segment: ForgedSegment) {
    this.control = control
    this.segment = segment
    ;[this.ownDoorbell, this.passedDoorbell] = hostileNative().pair(SocketType.STREAM)
    this.#descriptors = [this.ownDoorbell, this.passedDoorbell]
  }

  get victim(): Uint8Array {
    if (this.#victim === undefined) throw new Error('the victim has not passed its memory yet')
    return new Uint8Array(this.#victim)
  }

  /** The position up to which the victim has written. */
  get victimTail(): bigint {
    return Atomics.load(new BigUint64Array(this.victim.buffer, Word.TAIL, 1), 0)
  }

  /** The position up to which the victim has read. */
  get victimHead(): bigint {
    return Atomics.load(new BigUint64Array(this.victim.buffer, Word.HEAD, 1), 0)
  }

  /** The victim has found all pages of this peer's ring. */
  get victimAccepts(): boolean {
    return Atomics.load(new Uint32Array(this.victim.buffer, Word.ACCEPTED, 1), 0) === 1
  }

  /** The victim's wake word for data is armed. */
  get victimSleeps(): boolean {
    return (Atomics.load(new Uint32Array(this.victim.buffer, Word.DATA_WAKE, 1), 0) & 1) === 1
  }

  get position(): number {
    return this.#position
  }

  get sequence(): number {
    return this.#sequence
  }

  /** Closes the descriptor with everything else. */
  closeLater(...descriptors: number[]): void {
    this.#descriptors.push(...descriptors)
  }

  mapVictim(memory: number, doorbell: number, ringBytes: number): void {
    this.closeLater(memory, doorbell)
    this.doorbell = doorbell
    this.#victim = hostileNative().map(memory, DATA_OFFSET + ringBytes, false)
  }

  /** Publishes a valid message and wakes the victim. */
  send(payload: Uint8Array): void {
    this.#position = this.segment.message(this.#position, this.#sequence, payload)
    this.#sequence += 1
    this.segment.publish(this.#position)
    this.wake()
  }

  /** Publishes OFFER and wakes the victim. */
  offer(change: Partial<ForgedRecord> = {}): void {
    this.#step(GrowthStep.OFFER, change)
    this.publish()
  }

  /** Publishes MOVE and wakes the victim. */
  move(): void {
    this.#step(GrowthStep.MOVE)
    this.#position = this.segment.grow(this.#position)
    this.publish()
  }

  publish(tail = this.#position): void {
    this.segment.publish(tail)
    this.wake()
  }

  #step(id: number, change: Partial<ForgedRecord> = {}): void {
    this.#position = this.segment.record(this.#position, { length: 0, kind: 0, flags: 0, id, ...change })
  }

  wake(count = 1): number {
    return hostileNative().ring(this.doorbell, count)
  }

  /** Closes both ends of its own doorbell in this process. */
  closeDoorbell(): void {
    for (const end of [this.ownDoorbell, this.passedDoorbell]) {
      closeSync(end)
      this.#descriptors.splice(this.#descriptors.indexOf(end), 1)
    }
  }

  close(): void {
    hostileNative().stop()
    this.control.socket.destroy()
    this.segment.close()
    for (const descriptor of this.#descriptors.splice(0)) closeSync(descriptor)
  }
}

/** The client's half of a handshake, step by step. */
export class HostileClient extends HostilePeer {
  readonly #path: string
  #token = Buffer.alloc(0)

  private constructor(path: string, control: RawPeer, segment: ForgedSegment) {
    super(control, segment)
    this.#path = path
  }

  /** Sends HELLO and receives the OFFER of shared memory. */
  static async greet(
    path: string,
    segment = new ForgedSegment(),
    hello: object = {},
  ): Promise<HostileClient> {
    const socket = createConnection({ path })
    const client = new HostileClient(path, new RawPeer(socket), segment)
    client.control.preamble().send('HELLO', { ...HELLO, ...hello })
    await client.control.readPreamble()
    const offer = await client.control.read()
    if (offer === 'closed' || offer.message['transport'] !== 'shm')
      throw new Error(`the victim offers no shared memory: ${JSON.stringify(offer)}`)
    client.#token = Buffer.from(offer.message['token'] as string, 'hex')
    return client
  }

  get token(): Buffer {
    return this.#token
  }

  /** Sends one datagram to the victim's handover socket; by default the one of the protocol. */
  sendDatagram(
    descriptors: readonly number[] = [this.segment.descriptor, this.passedDoorbell],
    payload: Uint8Array = this.#token,
  ): number {
    return hostileNative().send(-1, handoverPath(this.#path), payload, descriptors)
  }

  /** Announces the descriptors and resolves to the reply. */
  async answer(): Promise<Frame> {
    this.control.send('HANDLES')
    return this.control.read()
  }

  /** Maps the memory that the victim has sent. */
  take(victimRingBytes: number): void {
    const received = hostileNative().receive(this.ownDoorbell)
    const [memory, doorbell] = received?.descriptors ?? []
    if (memory === undefined || doorbell === undefined) throw new Error('the victim sent no descriptors')
    this.mapVictim(memory, doorbell, victimRingBytes)
  }

  /** Maps the victim's memory and starts the channel. */
  confirm(victimRingBytes: number): void {
    this.take(victimRingBytes)
    this.control.send('READY')
  }

  /** Completes the handshake. */
  static async connect(
    path: string,
    victimRingBytes: number,
    segment?: ForgedSegment,
  ): Promise<HostileClient> {
    const client = await HostileClient.greet(path, segment)
    const failed = client.sendDatagram()
    const answer = await client.answer()
    if (failed !== 0 || answer === 'closed' || answer.kind !== FrameKind.READY)
      throw new Error(`the victim takes no descriptors: ${failed} ${JSON.stringify(answer)}`)
    client.confirm(victimRingBytes)
    return client
  }
}

/** A server for one connection of a victim. */
export class HostileServer {
  readonly path: string
  readonly #accept: () => Promise<Socket>
  readonly #stop: () => void
  readonly #handoverSocket: number

  private constructor(path: string, accept: () => Promise<Socket>, stop: () => void) {
    this.path = path
    this.#accept = accept
    this.#stop = stop
    this.#handoverSocket = hostileNative().bindHandoverSocket(handoverPath(path))
  }

  static async at(path: string): Promise<HostileServer> {
    const server = createServer()
    server.listen(path)
    await once(server, 'listening')
    const accept = async (): Promise<Socket> => (await once(server, 'connection'))[0] as Socket
    return new HostileServer(path, accept, () => server.close())
  }

  /** Another process listens and passes the connections to this one. */
  static async withOtherListener(path: string): Promise<HostileServer> {
    const listener = new Child('listener', { args: [path], ipc: true })
    if ((await listener.next()) !== 'listening') throw new Error('the listener does not listen')
    const accept = async (): Promise<Socket> => (await once(listener.process, 'message'))[1] as Socket
    return new HostileServer(path, accept, () => void listener.kill())
  }

  /** Offers shared memory to the next client and takes its descriptors. */
  async accept(segment = new ForgedSegment(), offer: object = {}): Promise<HostilePeer> {
    const control = new RawPeer(await this.#accept())
    const peer = new HostilePeer(control, segment)
    await control.readPreamble()
    const hello = await control.read()
    const { codec, maxMessageBytes, ringBytes } = hello === 'closed' ? HELLO : (hello.message as typeof HELLO)
    const own = { features: [], codec, maxMessageBytes, ringBytes: segment.ringBytes, pid: process.pid }
    control.preamble().send('OFFER', { ...own, transport: 'shm', token: TOKEN, mayFallBack: true, ...offer })
    const handles = await control.read()
    const handover = hostileNative().receive(this.#handoverSocket)
    const [memory, doorbell] = handover?.descriptors ?? []
    if (handles === 'closed' || memory === undefined || doorbell === undefined)
      throw new Error(`the victim passed no descriptors: ${JSON.stringify(handles)}`)
    peer.mapVictim(memory, doorbell, ringBytes)
    return peer
  }

  /** Sends descriptors, by default those of the protocol, and READY. Resolves to the reply. */
  async answer(
    peer: HostilePeer,
    descriptors: readonly number[] = [peer.segment.descriptor, peer.passedDoorbell],
  ): Promise<Frame> {
    if (descriptors.length > 0) hostileNative().send(peer.doorbell, '', Buffer.alloc(1), descriptors)
    peer.control.send('READY')
    return peer.control.read()
  }

  close(): void {
    closeSync(this.#handoverSocket)
    this.#stop()
  }
}
