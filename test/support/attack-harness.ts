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

/** What the victim is in the attacked connection. */
export type Role = 'server' | 'client'
export const ROLES: readonly Role[] = ['server', 'client']

const HEALTHY_CHANNELS = 3
/** Answers that each healthy channel must have had since the question whether all is well. */
const ANSWERS = 3
const PAUSE_MS = 2
const RING_EVERY_MS = 5
/** Above what the longest message, the attacked segment and a heap that grows a little need. */
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

/** A victim in a process of its own, with healthy channels to it that ask without a pause, and the peers that attack it. */
export class AttackHarness {
  readonly victim: Child
  readonly path: string
  readonly #healthy: Channel[] = []
  readonly #answers: number[] = []
  /** The longest wait of a healthy channel for an answer. */
  #slowestAnswerMs = 0
  readonly #peers: { close(): void }[] = []
  readonly pid: number
  /** What the victim held before the attack. */
  #before: { readonly resources: Resources; readonly residentKib: number }
  #over = false
  readonly #asking: Promise<void>[] = []
  /** How long each lie took to be found. */
  readonly #foundMs: number[] = []
  /** Why a healthy channel was not answered. */
  #fault: unknown

  private constructor(victim: Child, path: string) {
    this.victim = victim
    this.path = path
    this.pid = victim.process.pid as number
    this.#before = this.#held()
  }

  /** A victim for all tests of the file. */
  static async begin(options: object = {}): Promise<AttackHarness> {
    ensureBuilt()
    const path = join(longDirectory(), 's')
    const args = [`unix:${path}`, JSON.stringify(options)]
    const victim = new Child('attacked', { args, ipc: true, lasting: true })
    const harness = new AttackHarness(victim, path)
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

  /** A connection that has kept the protocol so far. */
  async attack(role: Role, segment?: ForgedSegment, block?: object): Promise<HostilePeer> {
    if (role === 'server') {
      const client = await HostileClient.connect(this.path, RING_BYTES, segment)
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

  /** A server for the victim to connect to. */
  async serve(): Promise<HostileServer> {
    const server = await HostileServer.at(join(temporaryDirectory(), 'h'))
    this.closeLater(server)
    return server
  }

  /** Closes it with the harness. */
  closeLater<T extends { close(): void }>(peer: T): T {
    this.#peers.push(peer)
    return peer
  }

  /** A thread of the attacker that stores the values in a word, one after the other, without end. */
  storeRepeatedly(word: Uint8Array, values: readonly bigint[], pauseNanos = 0): void {
    hostileNative().cycle(word, BigUint64Array.from(values), pauseNanos)
  }

  /** Ends the attacker's threads. */
  stopThreads(): number {
    return hostileNative().stop()
  }

  /** The next thing of this name that the victim says; what it says before is not looked at. */
  async event<T>(name: string): Promise<T> {
    for (;;) {
      const said = await this.victim.next<object | string>()
      if (typeof said === 'object' && name in said) return said as T
    }
  }

  /** What the victim says of its channel to this peer. */
  async opened(peer: HostilePeer): Promise<Opened> {
    const said = await this.event<Opened>('opened')
    peer.channel = said.opened
    return said
  }

  /** How the attacked channel ends. Until then the peer rings: the victim may have looked while the lie was not there. */
  async ended(peer: HostilePeer): Promise<Closed> {
    const ringing = setInterval(() => peer.wake(), RING_EVERY_MS)
    try {
      for (;;) {
        const said = await this.event<Closed>('closed')
        if (said.closed === peer.channel) return said
      }
    } finally {
      clearInterval(ringing)
    }
  }

  /** The victim says that this peer broke the rules, and how, and hangs up on it alone. */
  async expectCorrupt(peer: HostilePeer, message = /./): Promise<void> {
    const beginMs = performance.now()
    const closed = await this.ended(peer)
    this.#foundMs.push(performance.now() - beginMs)
    expect(closed.code).toBe(ErrorCode.CORRUPT)
    expect(closed.message).toMatch(message)
    await peer.control.closed()
    await this.expectUnharmed()
  }

  /** The victim serves on, and, once the peers have gone, holds nothing that it had not held before. */
  async expectUnharmed(): Promise<void> {
    await this.expectAnswers()
    this.closePeers()
    await expectResources(this.#before.resources, this.pid)
    await this.expectAnswers()
    expect(this.#held().residentKib - this.#before.residentKib).toBeLessThan(GROWTH_KIB_MAX)
    expect(this.victim.stderr).toBe('')
  }

  /** The victim's event loop turns: every healthy channel is answered, while the attack goes on. */
  async expectAnswers(): Promise<void> {
    await this.#answered()
    expect(this.victim.running).toBe(true)
  }

  /** How long the victim's event loop stood still at most, while `attack` ran and until it has answered again. */
  async longestGapMs(attack: () => Promise<void>): Promise<number> {
    this.#slowestAnswerMs = 0
    await attack()
    await this.expectAnswers()
    return this.#slowestAnswerMs
  }

  /** The attackers go. */
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
      console.log(`${this.#foundMs.length} lies found, the slowest after ${slowestMs.toFixed(1)} ms`)
  }

  async #answered(): Promise<void> {
    const wanted = this.#answers.map((count) => count + ANSWERS)
    await eventually(
      () =>
        this.#fault !== undefined ||
        !this.victim.running ||
        wanted.every((count, index) => (this.#answers[index] as number) >= count),
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
      // The end of the test ends the questions; before it, nothing may.
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
