import type { Socket } from 'node:net'
import { clearInterval, setInterval } from '../../host.js'
import type { NativeDoorbell } from '../../native/binding.js'
import { textOfThrown } from '../../uncaught.js'
import { openDoorbell } from './doorbell.js'

/** The second ring shows that the event loop still watches the descriptor after the first. */
const RINGS = 2

/** A timer counts turns of the event loop, not time: after a long block, the loop reads its descriptors between two of them. */
const TURN_MS = 100
const TURNS_MAX = 10

const SILENT = `the event loop of this runtime does not report a doorbell: ${TURNS_MAX} turns of ${TURN_MS} ms passed`

export interface DoorbellFault {
  /** Why this runtime cannot use a doorbell. */
  readonly reason: string
  /** An error ended the probe early: a lack of descriptors or memory, for example. */
  readonly mayPass: boolean
}

/**
 * Writes to a doorbell of this process. Resolves to undefined when the event loop has reported it. Takes a
 * few turns of the event loop, or a second if the runtime ignores the descriptor. Closes `doorbell`.
 */
export function probeDoorbell(
  doorbell: NativeDoorbell,
  listen = openDoorbell,
): Promise<DoorbellFault | undefined> {
  return new Promise((resolve) => {
    let reported = 0
    let turns = 0
    let socket: Socket | undefined
    const finish = (fault?: DoorbellFault): void => {
      clearInterval(timer)
      socket?.destroy()
      // After the socket, which closes its descriptor first: `close` leaves a descriptor alone that is closed.
      if (socket === undefined || socket.closed) doorbell.close()
      else socket.once('close', () => doorbell.close())
      resolve(fault)
    }
    const attempt = (step: () => void): void => {
      try {
        step()
      } catch (error) {
        finish(unusable(error))
      }
    }
    const onRing = (): void => {
      reported += 1
      if (reported < RINGS) attempt(() => doorbell.wake())
      else finish()
    }
    const timer = setInterval(() => {
      turns += 1
      if (turns === TURNS_MAX) finish({ reason: SILENT, mayPass: false })
    }, TURN_MS)
    attempt(() => {
      socket = listen(doorbell.transfer(), onRing)
      socket.on('error', (error) => finish(unusable(error)))
      doorbell.wake()
    })
  })
}

function unusable(error: unknown): DoorbellFault {
  return { reason: `this runtime cannot listen to a doorbell: ${textOfThrown(error)}`, mayPass: true }
}
