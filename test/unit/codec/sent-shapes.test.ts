import { expect, test } from 'vitest'
import { SentShapes } from '../../../src/codec/sent-shapes.js'
import { SHAPES_MAX } from '../../../src/codec/tree-format.js'
import { collectGarbage } from '../../support/garbage.js'
import { turn } from '../../support/turns.js'

/** The number of these lists of keys that are still alive after `shapes` has met each of them once. */
async function keptOf(
  shapes: SentShapes,
  count: number,
  keysOf: (index: number) => string[],
): Promise<number> {
  const references = Array.from({ length: count }, (_, index) => {
    const keys = keysOf(index)
    shapes.meet(keys)
    return new WeakRef(keys)
  })
  await turn()
  collectGarbage()
  const kept = references.filter((reference) => reference.deref() !== undefined).length
  // Keeps `shapes` alive until here.
  expect(shapes.find({ never: 'met' })).toBeUndefined()
  return kept
}

test('keeps keys that it met once, but only those of the last few objects', async () => {
  const kept = await keptOf(new SentShapes(() => true), 2000, (index) => [`key${index}`, 'more'])
  expect(kept).toBeGreaterThan(0)
  expect(kept).toBeLessThanOrEqual(64)
})

test('does not keep keys that are too long to be announced', async () => {
  expect(await keptOf(new SentShapes(() => true), 100, (index) => ['x'.repeat(5000), `${index}`])).toBe(0)
})

test('keeps no keys once all shapes are announced', async () => {
  const shapes = new SentShapes(() => true)
  for (let index = 0; index < SHAPES_MAX; index++) {
    for (let round = 0; round < 2; round++) shapes.meet([`announced${index}`])
  }
  expect(shapes.find({ [`announced${SHAPES_MAX - 1}`]: 1 })?.id).toBe(SHAPES_MAX - 1)
  expect(await keptOf(shapes, 100, (index) => [`key${index}`])).toBe(0)
})
