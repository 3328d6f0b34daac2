// Checks that every access to shared memory names its partner. In native/core, a comment on the same line or directly above has
//
//   SYNC(name): observed in Class::Function   at the store that publishes, and
//   SYNC(name): stored in Class::Function     at the load that observes it;
//
// The two name each other, and docs/memory-model.md has a row with both. A relaxed access has a reason. Only counters use AddOwned.
// Other mentions, `SYNC(name), as there`, must name an existing point.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const FOLDER = 'native/core'
const DOCUMENT = 'docs/memory-model.md'
/** The file that implements the accesses. */
const WRAPPER = `${FOLDER}/shared_word.h`

const ACCESS = /\b(?:Load|Store)(Relaxed|Acquire|Release|SeqCst)\(/
const SIDE = /SYNC\(([\w.]+)\): (observed|stored) in ((?:\w+::)*\w+)/g

const violations = []
/** name → {observed, stored}: the places of each side, with their function and the function that they name. */
const points = new Map()
const mentions = []

const files = readdirSync(join(root, FOLDER))
  .filter((file) => /\.(h|cc)$/.test(file))
  .map((file) => `${FOLDER}/${file}`)
  .filter((file) => file !== WRAPPER)
for (const file of files) checkFile(file, readFileSync(join(root, file), 'utf8').split('\n'))
for (const { place, name } of mentions) if (!points.has(name)) report(place, `SYNC(${name}) has no side`)
for (const [name, sides] of points) checkPairs(name, sides)
checkDocument()

for (const violation of violations) console.error(violation)
console.log(`check-sync: ${points.size} sync points, ${violations.length} violations`)
process.exitCode = violations.length > 0 ? 1 : 0

function checkFile(file, lines) {
  lines.forEach((line, index) => {
    const place = `${file}:${index + 1}`
    if (/\bAddOwned\(/.test(line) && !/counters/.test(line))
      report(place, 'adds to a word that is not a counter')
    const code = line.replace(/\/\/.*/, '')
    const order = ACCESS.exec(code)?.[1]
    const comment = order === undefined ? '' : commentAt(lines, index)
    if (order === 'Relaxed' && !/\w/.test(comment)) report(place, 'is relaxed without a reason')
    if (order !== undefined && order !== 'Relaxed' && !/SYNC\([\w.]+\): (observed|stored) in /.test(comment))
      report(place, 'does not name its partner')
    for (const [, name, side, partner] of comment.matchAll(SIDE))
      addSide(name, side, partner, place, lines, index)
    for (const [, name] of line.matchAll(/SYNC\(([\w.]+)\)/g)) mentions.push({ place, name })
  })
}

/** The comment on the line, and directly above it or above the accesses before it. */
function commentAt(lines, index) {
  const own = /\/\/(.*)/.exec(lines[index])?.[1] ?? ''
  let above = index - 1
  while (above >= 0 && ACCESS.test(lines[above])) above -= 1
  const block = []
  while (above >= 0 && /^\s*\/\//.test(lines[above])) {
    block.unshift(lines[above].replace(/^\s*\/\/\s*/, ''))
    above -= 1
  }
  return [...block, own].join(' ').trim()
}

function addSide(name, side, partner, place, lines, index) {
  if (!points.has(name)) points.set(name, { observed: [], stored: [] })
  points.get(name)[side].push({ place, partner, within: functionAt(lines, index) })
}

/** The function of a line, with its class. In the format of this code, a definition begins at the margin or in a class. */
function functionAt(lines, index) {
  const definition = /^(?: {2})?(?! |\/\/|if|for|while|return|switch).*?((?:\w+::)*\w+)\([^;]*$/
  for (let at = index - 1; at >= 0; at -= 1) {
    const found = definition.exec(lines[at])
    const isMember = lines[at].startsWith('  ')
    if (found === null || (isMember && !lines[index].startsWith('    '))) continue
    if (!isMember || found[1].includes('::')) return found[1]
    const owner = lines.slice(0, at).findLast((line) => /^class \w+/.test(line))
    return `${/^class (\w+)/.exec(owner ?? '')?.[1] ?? ''}::${found[1]}`
  }
  return 'nowhere'
}

function checkPairs(name, { observed, stored }) {
  if (observed.length === 0) report(`SYNC(${name})`, 'is stored nowhere')
  if (stored.length === 0) report(`SYNC(${name})`, 'is observed nowhere')
  for (const [side, others] of [
    [observed, stored],
    [stored, observed],
  ]) {
    for (const { place, partner } of side) {
      if (!others.some(({ within }) => within === partner))
        report(place, `names ${partner}, which has no other side of SYNC(${name})`)
    }
  }
}

/** Rows `| `name` | words | `Publishes` | `Observes` | …`. */
function checkDocument() {
  const rows = new Map()
  for (const line of readFileSync(join(root, DOCUMENT), 'utf8').split('\n')) {
    const cells =
      /^\| `SYNC\(([\w.]+)\)` \|/.exec(line) === null ? [] : line.split('|').map((cell) => cell.trim())
    if (cells.length > 0) rows.set(/\(([\w.]+)\)/.exec(cells[1])[1], cells)
  }
  for (const [name, { observed, stored }] of points) {
    const cells = rows.get(name)
    if (cells === undefined) {
      report(DOCUMENT, `has no row for SYNC(${name})`)
      continue
    }
    checkCell(name, 'publish', cells[3], observed)
    checkCell(name, 'observe', cells[4], stored)
  }
  for (const name of rows.keys())
    if (!points.has(name)) report(DOCUMENT, `has a row for SYNC(${name}), of which there is no code`)
}

function checkCell(name, what, cell, side) {
  const said = [...cell.matchAll(/`([\w:]+)`/g)].map(([, text]) => text)
  const found = [...new Set(side.map(({ within }) => within))]
  if (said.length !== found.length || !found.every((within) => said.includes(within)))
    report(DOCUMENT, `SYNC(${name}): the ${what} side is ${found.join(', ')}, and not ${said.join(', ')}`)
}

function report(place, what) {
  violations.push(`${place} ${what}`)
}
