// The processes of a run, by their places. A killed one has a successor in its place.
import { setTimeout as sleep } from 'node:timers/promises'
import { LoadChild } from './child.mjs'
import { descriptorCountOf, descriptorsOf, residentBytesOf, segmentsOf } from './resources.mjs'

const SAMPLE_MS = 1_000
/** Only a process that does not end reaches it. */
const END_MS = 20_000

export class Fleet {
  #places = new Map()
  #env
  #timer

  constructor(env) {
    this.#env = env
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS)
  }

  get names() {
    return [...this.#places.keys()]
  }

  /** Starts a process and waits until it is ready. */
  async start(name, role, options = {}) {
    const child = this.#create(name, role, options)
    this.#places.set(name, { role, options, child, starts: 1, peakBytes: 0, peakDescriptors: 0 })
    await child.ready()
  }

  ask(name, order, parts) {
    return this.#places.get(name).child.ask(order, parts)
  }

  pidOf(name) {
    return this.#places.get(name).child.pid
  }

  /** Kills a process, and resolves when its successor is ready, to the milliseconds until it had ended and until the successor was ready. */
  async killAndRestart(name) {
    const place = this.#places.get(name)
    const killedMs = performance.now()
    await place.child.kill()
    const endedMs = performance.now()
    place.starts += 1
    place.child = this.#create(`${name}-${place.starts}`, place.role, place.options)
    await place.child.ready()
    return { endMs: Math.round(endedMs - killedMs), startMs: Math.round(performance.now() - endedMs) }
  }

  /** At rest: `{ heapBytes, externalBytes, counters, descriptors, segments, residentBytes }`. */
  async measure(name) {
    const own = await this.ask(name, 'measure')
    const pid = this.pidOf(name)
    return {
      ...own,
      descriptors: descriptorsOf(pid),
      segments: segmentsOf(pid),
      residentBytes: residentBytesOf(pid),
    }
  }

  /** `{ starts, peakBytes, peakDescriptors }` */
  peaksOf(name) {
    const { starts, peakBytes, peakDescriptors } = this.#places.get(name)
    return { starts, peakBytes, peakDescriptors }
  }

  /** Closes a process. Resolves to the fault, or undefined if it ended by itself and without an error. */
  async close(name) {
    const { child } = this.#places.get(name)
    await child.ask('close')
    const ended = await Promise.race([
      child.ended,
      sleep(END_MS, `still runs after ${END_MS} ms`, { ref: false }),
    ])
    return ended === 0 ? undefined : `the closed process ${name} ended with ${ended}`
  }

  /** Kills what still runs. */
  async end() {
    clearInterval(this.#timer)
    await Promise.all([...this.#places.values()].map(({ child }) => child.kill()))
  }

  #create(name, role, options) {
    return new LoadChild({ role, name, options: { ...options, name }, env: this.#env })
  }

  #sample() {
    for (const place of this.#places.values()) {
      const { pid } = place.child
      place.peakBytes = Math.max(place.peakBytes, residentBytesOf(pid) ?? 0)
      place.peakDescriptors = Math.max(place.peakDescriptors, descriptorCountOf(pid) ?? 0)
    }
  }
}
