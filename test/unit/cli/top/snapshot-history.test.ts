import { describe, expect, it } from 'vitest'
import { SnapshotHistory } from '../../../../src/cli/top/snapshot-history.js'
import { snapshotAt } from '../../../support/top-snapshots.js'

describe('the history of snapshots', () => {
  it('keeps the last one that was different', () => {
    const history = new SnapshotHistory()
    const [first, second] = [snapshotAt(1_000), snapshotAt(2_000)]
    expect(history.add([first])).toEqual({ now: [first], before: [], isStale: false })
    expect(history.add([first])).toEqual({ now: [first], before: [], isStale: true })
    expect(history.add([second])).toEqual({ now: [second], before: [first], isStale: false })
    expect(history.add([second])).toEqual({ now: [second], before: [first], isStale: false })
  })

  it('keeps the snapshots of a thread that misses an answer, for a while', () => {
    const history = new SnapshotHistory()
    const [first, second] = [snapshotAt(1_000), snapshotAt(2_000)]
    history.add([first])
    expect(history.add([])).toEqual({ now: [], before: [], isStale: false })
    expect(history.add([second])).toMatchObject({ before: [first] })
    for (let count = 0; count < 20; count += 1) history.add([])
    expect(history.add([snapshotAt(3_000)])).toMatchObject({ before: [] })
  })
})
