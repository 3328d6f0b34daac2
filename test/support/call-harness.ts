import type { Server } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, expect } from 'vitest'
import { type ClientMembers, client } from '../../src/index.js'
import { ensureBuilt } from './build.js'
import { CallPeer } from './call-peer.js'
import { Child } from './child.js'
import { expectResources, type Resources, resourcesOf } from './process-resources.js'
import { longDirectory, temporaryDirectory } from './temporary-directory.js'
import { eventually } from './turns.js'

/** The answers of the victim to the honest client that one check waits for. */
const ANSWERS = 3
const PAUSE_MS = 2
const MESSAGES = 100
/** Compiled code, and tables that keep their size. A call that stays in a table of an attack with many thousands would show. */
const GROWTH_BYTES_MAX = 4 * 1024 * 1024

type Honest = ClientMembers & {
  echo(message: unknown): Promise<unknown>
  count(limit: number): AsyncIterable<number>
}

type Report = Readonly<Record<string, unknown>>

export interface Failure {
  readonly name: string
  readonly code: string
  readonly status: string
  readonly message: string
  readonly executed?: string
  readonly reason?: string
  readonly remoteCode?: string
  readonly details?: unknown
}

/** A victim in its own process, an honest client that calls it all the time, and the attacking peers. */
export class CallHarness {
  readonly victim: Child
  readonly path: string
  readonly #honest: Honest
  readonly #peers: CallPeer[] = []
  readonly #servers: Server[] = []
  /** The numbers of the victim's channels. */
  readonly #channels = new Map<CallPeer, number>()
  readonly #reports: Report[] = []
  #callCount = 0
  readonly #calls = new Map<CallPeer, number>()
  #calling: Promise<void> | undefined
  #answers = 0
  #slowestMs = 0
  #over = false
  #fault: unknown
  #before: { readonly bytes: number; readonly resources: Resources } | undefined

  private constructor(victim: Child, path: string, honest: Honest) {
    this.victim = victim
    this.path = path
    this.#honest = honest
  }

  /** Starts a victim for all tests of the file. */
  static async begin(): Promise<CallHarness> {
    ensureBuilt()
    const path = join(longDirectory(), 's')
    const victim = new Child('attacked-calls', { args: [`unix:${path}`], ipc: true, lasting: true })
    expect(await victim.next()).toBe('listening')
    const honest = await client<Honest>(`unix:${path}`)
    const harness = new CallHarness(victim, path, honest)
    await harness.report('opened')
    harnesses.push(harness)
    harness.#calling = harness.#call()
    await harness.expectAnswers()
    harness.#before = { bytes: await harness.memory(), resources: resourcesOf(harness.#pid) }
    return harness
  }

  /** A hostile client of the victim. */
  async attack(hello?: object): Promise<CallPeer> {
    return this.#opened(await CallPeer.connect(this.path, hello))
  }

  /** A hostile server, which the victim calls. Resolves when the call has arrived: it is in `received`. */
  async serve(call: object, offer?: object): Promise<CallPeer> {
    const path = join(temporaryDirectory(), 'h')
    const server = await CallPeer.listen(path)
    this.#servers.push(server)
    const accepted = CallPeer.accept(server, offer)
    this.#callCount += 1
    const number = this.#callCount
    this.victim.send({ connectTo: `unix:${path}`, number, ...call })
    const peer = await this.#opened(await accepted)
    this.#calls.set(peer, number)
    return peer
  }

  /** The next report of the victim with this name, and this value if it is given. */
  async report<T>(name: string, value?: unknown): Promise<T> {
    const isThis = (report: Report): boolean =>
      name in report && (value === undefined || report[name] === value)
    for (;;) {
      const index = this.#reports.findIndex(isThis)
      if (index >= 0) return this.#reports.splice(index, 1)[0] as T
      this.#reports.push(await this.victim.next<Report>())
    }
  }

  /** The end of the victim's channel to this peer. */
  async closed(peer: CallPeer): Promise<{ readonly code: string; readonly message?: string }> {
    return this.report('closed', this.#channels.get(peer))
  }

  /** The error of the victim's call of this peer. */
  async failure(peer: CallPeer): Promise<Failure> {
    return (await this.report<{ failure: Failure }>('failureOf', this.#calls.get(peer))).failure
  }

  /** The result of the victim's call of this peer. */
  async outcome(peer: CallPeer): Promise<unknown> {
    return (await this.report<{ outcome: unknown }>('outcomeOf', this.#calls.get(peer))).outcome
  }

  /** The memory of the victim after a collection, in bytes. */
  async memory(): Promise<number> {
    this.victim.send('memory')
    return (await this.report<{ memory: number }>('memory')).memory
  }

  /** The CPU time that the victim has spent, in milliseconds. */
  async cpuMs(): Promise<number> {
    this.victim.send('cpu')
    return (await this.report<{ cpu: number }>('cpu')).cpu
  }

  /** The handlers of `hang` that run. */
  async running(): Promise<number> {
    this.victim.send('running')
    return (await this.report<{ running: number }>('running')).running
  }

  /** Checks that the victim ends this channel with CORRUPT. */
  async expectCorrupt(peer: CallPeer, message: RegExp): Promise<void> {
    expect(await this.closed(peer)).toMatchObject({
      code: 'ERR_SHMWIRE_CORRUPT',
      message: expect.stringMatching(message),
    })
    await peer.ended()
    await this.expectUnharmed()
  }

  /** Checks that the honest client gets answers now. */
  async expectAnswers(): Promise<void> {
    const expected = this.#answers + ANSWERS
    await eventually(() => this.#answers >= expected || this.#fault !== undefined || !this.victim.running)
    if (!this.victim.running) throw new Error(`the victim has ended: ${this.victim.stderr}`)
    expect(this.#fault).toBeUndefined()
  }

  /** Checks that the victim serves, and has freed everything once the peers have closed. */
  async expectUnharmed(): Promise<void> {
    await this.expectAnswers()
    this.closePeers()
    const before = this.#before
    if (before === undefined) throw new Error('the harness has not begun')
    await expectResources(before.resources, this.#pid)
    // Memory that waits for the end of a channel is freed shortly after.
    await expect
      .poll(async () => (await this.memory()) - before.bytes, { timeout: 30_000, interval: 20 })
      .toBeLessThan(GROWTH_BYTES_MAX)
    await this.expectAnswers()
    expect(this.victim.stderr).toBe('')
  }

  /** How much more memory the victim needs now than without an attack. */
  async growthBytes(): Promise<number> {
    return (await this.memory()) - (this.#before?.bytes ?? 0)
  }

  /** The longest time that the honest client waited for an answer during the attack. */
  async longestWaitMs(attack: () => Promise<unknown>): Promise<number> {
    this.#slowestMs = 0
    await attack()
    await this.expectAnswers()
    return this.#slowestMs
  }

  closePeers(): void {
    for (const peer of this.#peers.splice(0)) peer.close()
    for (const server of this.#servers.splice(0)) server.close()
  }

  async end(): Promise<void> {
    this.#over = true
    this.closePeers()
    await this.#calling
    await this.#honest.$close()
  }

  get #pid(): number {
    return this.victim.process.pid as number
  }

  async #opened(peer: CallPeer): Promise<CallPeer> {
    this.#peers.push(peer)
    const { opened } = await this.report<{ opened: number }>('opened')
    this.#channels.set(peer, opened)
    return peer
  }

  async #call(): Promise<void> {
    try {
      while (!this.#over) {
        const beganMs = performance.now()
        expect(await this.#honest.echo(this.#answers)).toBe(this.#answers)
        let count = 0
        for await (const number of this.#honest.count(MESSAGES)) count += Number(number === count)
        expect(count).toBe(MESSAGES)
        this.#slowestMs = Math.max(this.#slowestMs, performance.now() - beganMs)
        this.#answers += 1
        await sleep(PAUSE_MS)
      }
    } catch (error) {
      this.#fault = error
    }
  }
}

const harnesses: CallHarness[] = []

afterEach(() => {
  for (const harness of harnesses) harness.closePeers()
})

afterAll(async () => {
  for (const harness of harnesses.splice(0)) await harness.end()
})
