import { describe, expect, it } from 'vitest'
import { tableLines } from '../../../src/cli/table.js'
import { cutToWidth, widthOf } from '../../../src/cli/text-width.js'

describe('the width of text', () => {
  it.each([
    ['prices', 6],
    ['\u001b[1mbold\u001b[22m', 4],
    ['価格', 4],
    ['e\u0301', 1],
    ['👩\u200d💻', 2],
    ['←…▽', 3],
  ])('of %j is %i', (text, width) => {
    expect(widthOf(text)).toBe(width)
  })

  it('bounds a text, without a part of a character', () => {
    expect(cutToWidth('価格表', 5)).toBe('価格')
    expect(cutToWidth('価格表', 6, '…')).toBe('価格表')
    expect(cutToWidth('価格表', 5, '…')).toBe('価格…')
    expect(cutToWidth('abcd', 3, '…')).toBe('ab…')
  })

  it('aligns the columns of a table', () => {
    expect(
      tableLines(
        [{ title: 'NAME' }, { title: 'PID' }],
        [
          ['価格', '1'],
          ['ab', '2'],
        ],
      ),
    ).toEqual(['NAME  PID', '価格  1', 'ab    2'])
  })
})
