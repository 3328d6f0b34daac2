// Checks the accounts of a conversation. Each function returns a list of faults.
import { readFileSync } from 'node:fs'

const GONE = 'ERR_SHMWIRE_PEER_GONE'

/** For a conversation that both sides closed. */
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
      faults.push(`${there.stats.wakesReceived} wake-ups came of ${here.stats.wakesSent} sent`)
    for (const name of ['outboxRecords', 'requestsOpen', 'requestsRunning'])
      expectEqual(faults, name, here.stats[name], 0)
  }
  return faults
}

/** For a survivor of a kill. `committedFile` has the progress of the victim; undefined if the link guarantees nothing. */
export function faultsOfSurvivor(account, committedFile) {
  const faults = faultsOfAccount(account)
  for (const ending of Object.keys(account.endings)) {
    if (!ending.endsWith(` ${GONE}`)) faults.push(`it ended with ${ending}, not with ${GONE}`)
  }
  const committed = committedFile === undefined ? 0 : readProgress(committedFile).sent
  if (account.received < committed)
    faults.push(`the peer had committed ${committed} messages, and ${account.received} came`)
  return faults
}

function faultsOfAccount({ fault, closes }) {
  const faults = fault === undefined ? [] : [fault]
  expectEqual(faults, 'close events', closes, 1)
  return faults
}

/**
 * Compares resources before and after so many conversations. The heap may differ by noise of the runtime. One leaked object in each
 * conversation would be twice the limit.
 */
export function faultsOfResources(before, after, conversations, { heapBytes, objects }) {
  const faults = []
  expectEqual(faults, 'what is held', JSON.stringify(after.held), JSON.stringify(before.held))
  const more = after.objects - before.objects
  if (more > Math.max(objects, conversations / 2)) faults.push(`there are ${more} objects more`)
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
