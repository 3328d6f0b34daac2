import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { TakenVersions, type TakingSession } from '../../../../src/messaging/cell/taken-versions.js'

vi.mock('../../../../src/host.js', () => import('../../../support/global-host.js'))

interface Session extends TakingSession {
  taken: number
}

describe('TakenVersions', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  function create(): { taken: TakenVersions; late: TakingSession[]; add: (version?: number) => Session } {
    const late: TakingSession[] = []
    const taken = new TakenVersions((session) => {
      late.push(session)
      taken.remove(session)
    })
    const add = (version = 0): Session => {
      const session = { taken: version }
      taken.add(session)
      return session
    }
    return { taken, late, add }
  }

  /** Whether the promise has resolved. */
  async function isResolved(promise: Promise<void> | undefined): Promise<boolean> {
    let resolved = false
    void promise?.then(() => {
      resolved = true
    })
    await vi.advanceTimersByTimeAsync(0)
    return resolved
  }

  it('completes at once without sessions', () => {
    expect(create().taken.wait(7)).toBeUndefined()
  })

  it('completes when the slowest session has the version or a newer one', async () => {
    const { taken, add } = create()
    const [one, two] = [add(), add()]
    const first = taken.wait(1)
    const second = taken.wait(2)
    one.taken = 2
    taken.changed()
    expect(await isResolved(first)).toBe(false)
    two.taken = 1
    taken.changed()
    expect(await isResolved(first)).toBe(true)
    expect(await isResolved(second)).toBe(false)
    two.taken = 5
    taken.changed()
    expect(await isResolved(second)).toBe(true)
  })

  it('completes when the last session leaves', async () => {
    const { taken, add } = create()
    const session = add()
    const wait = taken.wait(1)
    taken.remove(session)
    expect(await isResolved(wait)).toBe(true)
  })

  it('reports a session that does not acknowledge for 5 seconds, and completes without it', async () => {
    const { taken, late, add } = create()
    const silent = add()
    const other = add()
    const wait = taken.wait(1)
    other.taken = 1
    taken.changed()
    await vi.advanceTimersByTimeAsync(4_999)
    expect(late).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(late).toEqual([silent])
    expect(await isResolved(wait)).toBe(true)
  })

  it('gives each version the full time', async () => {
    const { taken, late, add } = create()
    const session = add()
    for (let version = 1; version <= 5; version += 1) {
      const wait = taken.wait(version)
      await vi.advanceTimersByTimeAsync(4_000)
      session.taken = version
      taken.changed()
      expect(await isResolved(wait)).toBe(true)
    }
    expect(late).toEqual([])
  })

  it('keeps a bounded number of waits', async () => {
    const { taken, add } = create()
    const session = add()
    const waits = new Set<Promise<void> | undefined>()
    for (let version = 1; version <= 3_000; version += 1) waits.add(taken.wait(version))
    expect(waits.size).toBe(1_024)
    session.taken = 2_999
    taken.changed()
    const last = [...waits].at(-1)
    expect(await isResolved(last)).toBe(false)
    session.taken = 3_000
    taken.changed()
    expect(await isResolved(last)).toBe(true)
  })
})
