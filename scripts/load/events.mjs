// Makes the events of the day happen. Each is a window in which its errors are expected.
import { setTimeout as sleep } from 'node:timers/promises'
import { nowMs } from '../../test/process/children/load/outcomes.mjs'
import { timeOf } from './day.mjs'
import { WORKERS } from './places.mjs'
import { runSlowClients } from './slow-clients.mjs'

/** After the successor is ready: clients wait between their attempts to connect, and circuits are open for a while. */
const GRACE_MS = 3_000

export class Events {
  /** `[{ what, fromMs, untilMs }]` */
  windows = []
  /** `[{ time, text }]`, for the report. */
  timeline = []
  faults = []
  /** Counts of effects, so that a run without them can fail. */
  effects = { kills: {}, slowClients: 0, storeFailures: 0, clockSteps: 0 }
  #fleet
  #disk
  #clock
  #hourMs
  #restPort
  #turns = new Map()

  constructor({ fleet, disk, clock, hourMs, restPort }) {
    this.#fleet = fleet
    this.#disk = disk
    this.#clock = clock
    this.#hourMs = hourMs
    this.#restPort = restPort
  }

  /** Resolves when the event is over. Never rejects. */
  async run(event) {
    const lastsMs = event.untilHour === undefined ? 0 : (event.untilHour - event.hour) * this.#hourMs
    try {
      if (event.what === 'kill') await this.#kill(event)
      else if (event.what === 'clock') this.#setClock(event)
      else if (event.what === 'slow clients') await this.#slowClients(event, lastsMs)
      else if (event.what === 'slow subscriber') await this.#slowSubscriber(event, lastsMs)
      else await this.#alone('queue', () => this.#fullDisk(event, lastsMs))
    } catch (error) {
      this.faults.push(`${event.what} at ${timeOf(event.hour)}: ${error.message}`)
    }
  }

  #kill(event) {
    const name = event.victim === 'worker' ? WORKERS[event.index] : event.victim
    const kill = async () => {
      const { endMs, startMs } = await this.#during(`${event.victim} killed`, () =>
        this.#fleet.killAndRestart(name),
      )
      this.effects.kills[event.victim] = (this.effects.kills[event.victim] ?? 0) + 1
      this.#show(
        event,
        `${name} is killed: gone after ${endMs} ms, its successor is ready ${startMs} ms later`,
      )
    }
    return this.#alone(name, kill)
  }

  /** Resolves to the result of `action`, which begins when earlier actions on this process have ended. */
  #alone(name, action) {
    const turn = (this.#turns.get(name) ?? Promise.resolve()).then(action)
    this.#turns.set(
      name,
      turn.catch(() => {}),
    )
    return turn
  }

  #setClock(event) {
    if (this.#clock.missing !== undefined) return
    this.#clock.set(event.seconds)
    this.effects.clockSteps += 1
    this.#show(event, `the wall clock of all processes is set to ${event.seconds} s from the true time`)
  }

  async #slowClients(event, lastsMs) {
    const { ended, clients, faults } = await runSlowClients(this.#restPort, lastsMs)
    this.faults.push(...faults)
    this.effects.slowClients += ended
    this.#show(event, `${clients} slow clients of HTTP: the gateway has ended ${ended}`)
  }

  async #slowSubscriber(event, lastsMs) {
    await this.#fleet.ask('slow-subscriber', 'slow', { isSlow: true })
    this.#show(event, `a subscriber is slow until ${timeOf(event.untilHour)}`)
    await sleep(lastsMs)
    await this.#fleet.ask('slow-subscriber', 'slow', { isSlow: false })
  }

  async #fullDisk(event, lastsMs) {
    if (this.#disk.missing !== undefined) return
    const fault = await this.#during('full disk', async () => {
      this.#disk.fill()
      // Small changes go into free pages of the files.
      await this.#fleet.ask('pusher', 'burst')
      await sleep(lastsMs)
      const state = await this.#fleet.ask('queue', 'state')
      this.#disk.free()
      await this.#fleet.ask('queue', 'again')
      return state
    })
    if (fault === undefined) {
      this.faults.push('the queue did not notice that its disk was full')
      return
    }
    this.effects.storeFailures += 1
    this.#show(event, `the disk of the queue is full until ${timeOf(event.untilHour)}: ${fault.code}`)
  }

  async #during(what, action) {
    const window = { what, fromMs: nowMs(), untilMs: Number.POSITIVE_INFINITY }
    this.windows.push(window)
    try {
      return await action()
    } finally {
      window.untilMs = nowMs() + GRACE_MS
    }
  }

  #show({ hour }, text) {
    this.timeline.push({ time: timeOf(hour), text })
    console.log(`${timeOf(hour)}  ${text}`)
  }
}
