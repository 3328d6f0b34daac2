/** Numbers in [0, 1) that depend on the seed alone (mulberry32, Tommy Ettinger, public domain). */
export type Random = () => number

export function randomFrom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let bits = Math.imul(state ^ (state >>> 15), state | 1)
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
  }
}

/** An integer from `min` to `max`, both included. */
export function integerFrom(random: Random, min: number, max: number): number {
  return min + Math.floor(random() * (max - min + 1))
}

/** The seed of this run: `SHMWIRE_SEED`, else a new one; printed, so that a failure can be run again. */
export function newSeed(what: string): number {
  const given = process.env['SHMWIRE_SEED']
  const seed = given === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(given)
  console.log(`${what}: SHMWIRE_SEED=${seed}`)
  return seed
}

/** A whole number from the environment, for runs that are longer than the usual. */
export function countFromEnvironment(name: string, usual: number): number {
  const given = process.env[name]
  return given === undefined ? usual : Number(given)
}
