import fc from 'fast-check'

/** Values without parts, for `fc.anything`, that codecs bring back and `assert.deepStrictEqual` can compare. */
export const PLAIN_VALUES: readonly fc.Arbitrary<unknown>[] = [
  fc.boolean(),
  // In assert.deepStrictEqual of Node 20, an invalid date is never equal.
  fc.date({ noInvalidDate: true }),
  fc.integer(),
  fc.double(),
  fc.string(),
  fc.constant(null),
  fc.constant(undefined),
  fc.bigInt(),
]
