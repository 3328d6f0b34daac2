import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, expect } from 'vitest'
import { type Channel, connect, ErrorCode } from '../../src/index.js'
import { ensureBuilt } from './build.js'
import { Child } from './child.js'
import { type ForgedSegment, RING_BYTES } from './forged-segment.js'
import { hostileNative } from './hostile-native.js'
import { HostileClient, type HostilePeer, HostileServer } from './hostile-peers.js'
import { expectResources, type Resources, resourcesOf } from './process-resources.js'
import { longDirectory, temporaryDirectory } from './temporary-directory.js'
import { eventually } from './turns.js'

/** The role of the victim in the attacked connection. */
export type Role = 'server' | 'client'
export const ROLES: readonly Role[] = ['server', 'client']

const HEALTHY_CHANNELS = 3
/** Replies that each healthy channel must receive in one check. */
const ANSWERS = 3
const PAUSE_MS = 2
const WAKE_EVERY_MS = 5
/** More than the longest message, the attacked segment and a little heap growth need. */
const GROWTH_KIB_MAX = 96 * 1024

export interface Closed {
  /** The number of the channel. */
  readonly closed: number
  readonly code?: string
  readonly message?: string
  readonly received: number
}

export interface Opened {
  /** The number of the channel. */
  readonly opened: number
  readonly transport: string
  readonly reason?: string
}

/** A victim in its own process, healthy channels that send it requests all the time, and the attacking peers. */
export class AttackHarness {
  readonly victim: Child
  readonly path: string
  readonly #healthy: Channel[] = []
  readonly #answers: number[] = []
  /** The longest wait of a healthy channel for a reply. */
  #slowestAnswerMs = 0
  readonly #peers: { close(): void }[] = []
  readonly pid: number
  /** Resources of the victim before the attack. */
  #before: { readonly resources: Resources; readonly residentKib: number }
  #over = false
  readonly #asking: Promise<void>[] = []
  /** Time until the victim detected each forgery. */
  readonly #foundMs: number[] = []
  /** The error of a healthy channel. */
  #fault: unknown

  readonly #ringBytes: number

  private constructor(victim: Child, path: string, ringBytes: number) {
    this.victim = victim
    this.path = path
    this.#ringBytes = ringBytes
    this.pid = victim.process.pid as number
    this.#before = this.#held()
  }

  /** Starts a victim for all tests of the file. */
  static async begin(options: Record<string, unknown> & { ringBytes?: number } = {}): Promise<AttackHarness> {
    ensureBuilt()
    const path = join(longDirectory(), 's')
    const args = [`unix:${path}`, JSON.stringify(options)]
    const victim = new Child('attacked', { args, ipc: true, lasting: true })
    const harness = new AttackHarness(victim, path, options.ringBytes ?? RING_BYTES)
    harnesses.push(harness)
    expect(await victim.next()).toBe('listening')
    for (let index = 0; index < HEALTHY_CHANNELS; index += 1) {
      const channel = await connect(`unix:${path}`, {
        codec: 'bytes',
        ringBytes: RING_BYTES,
        transport: 'shm',
      })
      harness.#healthy.push(channel)
      harness.#asking.push(harness.#ask(channel, index))
      await harness.event<Opened>('opened')
    }
    await harness.#answered()
    harness.#before = harness.#held()
    return harness
  }

  /** Opens a connection by the protocol. */
  async attack(role: Role, segment?: ForgedSegment, block?: object): Promise<HostilePeer> {
    if (role === 'server') {
      const client = await HostileClient.connect(this.path, this.#ringBytes, segment)
      this.closeLater(client)
      await this.opened(client)
      return client
    }
    const server = await this.serve()
    this.victim.send({ connectTo: `unix:${server.path}`, block })
    const peer = await server.accept(segment)
    this.closeLater(peer)
    await server.answer(peer)
    await this.opened(peer)
    return peer
  }

  /** Starts a server for the victim to connect to. */
  async serve(): Promise<HostileServer> {
    const server = await HostileServer.at(join(temporaryDirectory(), 'h'))
    this.closeLater(server)
    return server
  }

  /** Closes the peer in `closePeers`. */
  closeLater<T extends { close(): void }>(peer: T): T {
    this.#peers.push(peer)
    return peer
  }

  /** Starts a thread of the attacker that stores the values in a word, in turn and without end. */
  storeRepeatedly(word: Uint8Array, values: readonly bigint[], pauseNanos = 0): void {
    hostileNative().cycle(word, BigUint64Array.from(values), pauseNanos)
  }

  /** Ends the attacker's threads. Returns the number of messages that `flood` published. */
  stopThreads(): number {
    return hostileNative().stop()
  }

  /** Resolves to the victim's next report with this name and drops earlier reports. */
  async event<T>(name: string): Promise<T> {
    for (;;) {
      const report = await this.victim.next<object | string>()
      if (typeof report === 'object' && name in report) return report as T
    }
  }

  /** Resolves to the victim's report about its channel to this peer. */
  async opened(peer: HostilePeer): Promise<Opened> {
    const report = await this.event<Opened>('opened')
    peer.channel = report.opened
    return report
  }

  /** Resolves at the end of the attacked channel. Wakes the victim until then: it may have polled before the forgery. */
  async ended(peer: HostilePeer): Promise<Closed> {
    const waking = setInterval(() => peer.wake(), WAKE_EVERY_MS)
    try {
      for (;;) {
        const report = await this.event<Closed>('closed')
        if (report.closed === peer.channel) return report
      }
    } finally {
      clearInterval(waking)
    }
  }

  /** Checks that the victim reports CORRUPT with this message, and hangs up on this peer alone. */
  async expectCorrupt(peer: HostilePeer, message = /./): Promise<void> {
    const beginMs = performance.now()
    const closed = await this.ended(peer)
    this.#foundMs.push(performance.now() - beginMs)
    expect(closed.code).toBe(ErrorCode.CORRUPT)
    expect(closed.message).toMatch(message)
    await peer.control.closed()
    await this.expectUnharmed()
  }

  /** Checks that the victim still serves, and frees all resources once the peers have closed. */
  async expectUnharmed(): Promise<void> {
    await this.expectAnswers()
    this.closePeers()
    await expectResources(this.#before.resources, this.pid)
    await this.expectAnswers()
    expect(this.#held().residentKib - this.#before.residentKib).toBeLessThan(GROWTH_KIB_MAX)
    expect(this.victim.stderr).toBe('')
  }

  /** Checks that the victim's event loop runs: every healthy channel gets replies during the attack. */
  async expectAnswers(): Promise<void> {
    await this.#answered()
    expect(this.victim.running).toBe(true)
  }

  /** The longest time without a reply from the victim, from the start of `attack` to the next replies. */
  async longestGapMs(attack: () => Promise<void>): Promise<number> {
    this.#slowestAnswerMs = 0
    await attack()
    await this.expectAnswers()
    return this.#slowestAnswerMs
  }

  /** Closes all attacking peers. */
  closePeers(): void {
    for (const peer of this.#peers.splice(0)) peer.close()
  }

  async end(): Promise<void> {
    this.#over = true
    this.closePeers()
    for (const channel of this.#healthy) channel.destroy()
    await Promise.all(this.#asking)
    const slowestMs = Math.max(...this.#foundMs)
    if (this.#foundMs.length > 0)
      console.log(`${this.#foundMs.length} forgeries detected, the slowest after ${slowestMs.toFixed(1)} ms`)
  }

  async #answered(): Promise<void> {
    const expected = this.#answers.map((count) => count + ANSWERS)
    await eventually(
      () =>
        this.#fault !== undefined ||
        !this.victim.running ||
        expected.every((count, index) => (this.#answers[index] as number) >= count),
    )
    if (!this.victim.running) throw new Error(`the victim has ended: ${this.victim.stderr}`)
    expect(this.#fault).toBeUndefined()
  }

  async #ask(channel: Channel, index: number): Promise<void> {
    this.#answers[index] = 0
    try {
      for (let number = 0; !this.#over; number += 1) {
        const question = Buffer.from(`${index}:${number}`)
        const askedMs = performance.now()
        expect(await channel.request(question)).toEqual(question)
        this.#slowestAnswerMs = Math.max(this.#slowestAnswerMs, performance.now() - askedMs)
        this.#answers[index] = number + 1
        await sleep(PAUSE_MS)
      }
    } catch (error) {
      // Requests may fail only at the end of the tests.
      if (!this.#over) this.#fault = error
    }
  }

  #held(): { resources: Resources; residentKib: number } {
    const status = readFileSync(`/proc/${this.pid}/status`, 'latin1')
    return {
      resources: resourcesOf(this.pid),
      residentKib: Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]),
    }
  }
}

const harnesses: AttackHarness[] = []

afterEach(() => {
  for (const harness of harnesses) harness.closePeers()
})

afterAll(async () => {
  for (const harness of harnesses.splice(0)) await harness.end()
})
