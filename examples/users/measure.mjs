// Calls the service through all paths in turn, measures the calls, and compares the bytes of all users.
import { Comparison } from './compare.mjs'

const ROUNDS = 7
/** Before the code of all processes is compiled. */
const WARM_UP_ROUNDS = 2
const CALLS_OF_A_ROUND = 40

/**
 * Resolves to a row for each path: the medians of both times, and whether all bytes are the same. The paths take turns, so that other
 * programs of the machine slow all of them.
 *
 * @param expected all users of the service, in order
 */
export async function measurePaths(paths, context, expected) {
  const probes = []
  for (const path of paths)
    probes.push({
      path,
      comparison: new Comparison(expected),
      callMs: [],
      streamMs: [],
      ...(await path.open(context)),
    })
  for (let round = 0; round < ROUNDS; round += 1)
    for (const probe of probes) {
      if (round === WARM_UP_ROUNDS) Object.assign(probe, { callMs: [], streamMs: [] })
      await measure(probe, expected)
    }
  for (const probe of probes) await checkChanges(probe)
  for (const { users, channel } of probes) {
    await users.$close()
    await channel?.close()
  }
  return probes.map(({ path, transport, callMs, streamMs, comparison }) => {
    return {
      name: path.name,
      transport,
      callMs: median(callMs),
      streamMs: median(streamMs),
      same: comparison.same,
    }
  })
}

async function measure({ users, comparison, callMs, streamMs }, expected) {
  const received = await timed(streamMs, async () => {
    const all = []
    for await (const user of users.streamUsers({})) all.push(user)
    return all
  })
  comparison.all(received)
  if (users.getUser === undefined) return
  for (let call = 0; call < CALLS_OF_A_ROUND; call += 1) {
    const wanted = expected[call % expected.length]
    const { user } = await timed(callMs, () => users.getUser({ id: wanted.id }))
    comparison.one(user, wanted)
  }
}

/** A user that is created, changed, read and deleted through one path. */
async function checkChanges({ path, users, comparison }) {
  if (users.createUser === undefined) return
  const first = { name: `Created through ${path.name}`, email: 'created@example.com' }
  const { user: created } = await users.createUser(first)
  const { id } = created
  comparison.one(created, { id, ...first })
  const second = { id, name: 'Åsa 🦊', email: 'changed@example.com' }
  const { user: updated } = await users.updateUser(second)
  comparison.one(updated, second)
  const { user: read } = await users.getUser({ id })
  comparison.one(read, second)
  await users.deleteUser({ id })
}

async function timed(times, run) {
  const startMs = performance.now()
  const result = await run()
  times.push(performance.now() - startMs)
  return result
}

/** Undefined without times. */
function median(times) {
  return times.toSorted((one, other) => one - other)[Math.floor(times.length / 2)]
}
