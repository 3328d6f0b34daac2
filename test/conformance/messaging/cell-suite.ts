import { describe } from 'vitest'
import type { CellFixture } from './cell-fixture.js'
import { cellValues } from './cell-values.js'
import { cellWriters } from './cell-writers.js'

/** The guarantees of cells, for each way to reach them. */
export function cellSuite(fixture: CellFixture): void {
  describe(`cells over ${fixture.name}`, () => {
    cellValues(fixture)
    cellWriters(fixture)
  })
}
