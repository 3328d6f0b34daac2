// Checks of the accounts of an exchange. Each returns a list of faults.
import { readFileSync } from 'node:fs'

const GONE = 'ERR_SHMWIRE_PEER_GONE'

/** Checks an exchange in which both sides ended in order. */
export function faultsOfPair(accounts) {
  const faults = accounts.flatMap((account) => [
    ...faultsOfAccount(account),
    ...Object.keys(account.endings)
      .filter((ending) => !ending.endsWith(' in order'))
      .map((ending) => `it ended with ${ending}`),
  ])
  for (const [here, there] of [accounts, accounts.toReversed()]) {
    expectEqual(faults, 'messages sent and the last number', here.sent, there.peerSent)
    expectEqual(faults, 'messages sent and received', here.sent, there.received)
    for (const unit of ['messages', 'bytes'])
      expectEqual(
        faults,
        `${unit} in the counters of both`,
        here.stats[`${unit}Sent`],
        there.stats[`${unit}Received`],
      )
    if (here.stats.wakesSent < there.stats.wakesReceived)
      faults.push(`${there.stats.wakesReceived} wake-ups received of ${here.stats.wakesSent} sent`)
    for (const name of ['outboxRecords', 'requestsOpen', 'requestsRunning'])
      expectEqual(faults, name, here.stats[name], 0)
  }
  return faults
}

/** Checks a side whose peer was killed. `committedFile` is the progress of the peer; undefined if it promises nothing. */
export function faultsOfSurvivor(account, committedFile) {
  const faults = faultsOfAccount(account)
  for (const ending of Object.keys(account.endings)) {
    if (!ending.endsWith(` ${GONE}`)) faults.push(`it ended with ${ending}, not with ${GONE}`)
  }
  const committed = committedFile === undefined ? 0 : readProgress(committedFile).sent
  if (account.received < committed)
    faults.push(`the peer had committed ${committed} messages, but ${account.received} arrived`)
  return faults
}

function faultsOfAccount({ fault, closes }) {
  const faults = fault === undefined ? [] : [fault]
  expectEqual(faults, 'close events', closes, 1)
  return faults
}

/**
 * Compares the resources before and after this many exchanges. The heap may differ by noise of the runtime.
 * A leak of one object per exchange is twice the limit.
 */
export function faultsOfResources(before, after, exchanges, { heapBytes, objects }) {
  const faults = []
  expectEqual(faults, 'resources', JSON.stringify(after.held), JSON.stringify(before.held))
  const more = after.objects - before.objects
  if (more > Math.max(objects, exchanges / 2)) faults.push(`there are ${more} objects more`)
  for (const [name, bytes] of Object.entries(after.heap)) {
    const grown = bytes - before.heap[name]
    if (grown > heapBytes) faults.push(`${name} has grown by ${grown} bytes`)
  }
  return faults
}

export function readProgress(file) {
  const bytes = readFileSync(file)
  if (bytes.length !== 16) return { sent: 0, received: 0 }
  return { sent: Number(bytes.readBigUInt64LE(0)), received: Number(bytes.readBigUInt64LE(8)) }
}

function expectEqual(faults, what, actual, expected) {
  if (actual !== expected) faults.push(`${what}: ${actual} and ${expected}`)
}
