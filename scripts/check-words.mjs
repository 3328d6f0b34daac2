// Prints each word of the documents, comments, messages and test names that has a plainer replacement.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Files and folders that are checked. */
const COVERED = [
  'README.md',
  'SECURITY.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'docs',
  'examples',
  '.github',
  'bench',
  'scripts',
  'test',
  'src',
  'native',
]

/** Files that quote the words as data. */
const EXEMPT = new Set(['scripts/check-words.mjs', 'test/process/check-words.test.ts'])

const ACTOR = 'the actor: the caller, the sender, the receiver, the peer, the kernel'

/** Patterns with their replacements. A space matches any white space. */
const WORDS = [
  // At the beginning of a sentence that is not a question.
  [String.raw`(?<=^|(?:^|\n|[.!?:|*-]) )(?:Who|What) (?![^.!?|]*\?)[a-z']+`, ACTOR],
  ['whoever|(?:no|some|any|every)body', ACTOR],
  ['look(?:s|ed|ing)? (?:at|for|again|whether|on)', 'poll, read, check, wait for'],
  ['(?:a|an|each|one|last|first|next|further|empty|more|many) looks?', 'poll, read, check'],
  ['tells?|told|telling', 'send, report, announce'],
  ['learn(?:s|ed)? (?:of|about|that|whether)', 'notice, apply'],
  ['rung|ringer|ringing|rang', 'woken, waker, waking, woke'],
  ['ring (?:him|her|them|the peer|the sleeper)|(?:who|that|which|it|peer|side) rings', 'wake'],
  ['bells?', 'doorbell'],
  ['len[dt]|lends|lending', 'borrowed, zero-copy'],
  [String.raw`(?:giv(?:e|es|en|ing)|gave) (?:\w+ ){0,2}back`, 'release, return'],
  [String.raw`hand(?:s|ed|ing)? (?:\w+ ){0,2}over`, 'pass, transfer, deliver'],
  ['gone out of|(?:came|comes?|went|goes|go|is|are) through', 'ended, arrived, completed, passed'],
  ['(?:goes|go|going|went) on', 'continue'],
  ['in the midst of', 'during'],
  ['in vain', 'without success'],
  ['anew', 'again'],
  ['all the same', 'still'],
  ['besides', 'also, in addition to'],
  ['for want of', 'because there is no'],
  ['(?<!there )(?:is|are|was|were) no(?! longer| more)', 'is not a'],
  [String.raw`asks? (?:\w+ )?whether`, 'check that'],
  ['mend(?:s|ed|ing)?', 'fix'],
  ['brothers?', 'other instance'],
  ['kinds? of (?:bug|fault|mistake)s?', 'class of bug'],
  ['wanted', 'expected'],
  ['(?:is|are|was|were|been) tried', 'tested'],
  [String.raw`some \d+`, 'about'],
  ['spar(?:es?|ed) (?:a|the|one)', 'save, avoid'],
  ['(?:channel|link|wait|turn|handshake) (?:is|was) over', 'has ended'],
].map(([pattern, replacement]) => {
  const spaced = pattern.replaceAll(' ', String.raw`\s+`)
  return {
    pattern: new RegExp(String.raw`\b(?:${spaced})\b`, /[A-Z]/.test(pattern) ? 'g' : 'gi'),
    replacement,
  }
})

/** The words to replace in the text of a file, in order, each with its line. */
export function wordsIn(file, text) {
  const prose = /\.(?:md|yml)$/.test(file) ? proseOfMarkdown(text) : proseOfCode(text)
  const found = WORDS.flatMap(({ pattern, replacement }) =>
    [...prose.matchAll(pattern)].map(({ 0: word, index }) => {
      return { line: prose.slice(0, index).split('\n').length, word: word.replace(/\s+/g, ' '), replacement }
    }),
  )
  return found.toSorted((a, b) => a.line - b.line)
}

/** Blanks code, the targets of links, and generated parts between two markers. */
function proseOfMarkdown(text) {
  const others = /^<!-- (\w+):begin -->.*?^<!-- \1:end -->|^```.*?^```|`[^`]*`|\]\([^)]*\)/gms
  return text.replace(others, blank)
}

/** Blanks all but comments, and strings of three words or more: messages and names of tests. */
function proseOfCode(text) {
  const parts = /\/\/[^\n]*|\/\*.*?\*\/|(["'])(?:(?!\1)[^\\\n]|\\.)*\1|`(?:[^`\\]|\\.)*`|./gs
  return text.replace(parts, (part) => {
    if (!/^\/[/*]|\w \w+ \w/.test(part)) return blank(part)
    return part.replace(/^[ \t]*(?:\/\*+|\*+\/?|\/\/)|(?<=.)`[^`\n]*`/gm, blank)
  })
}

function blank(text) {
  return text.replace(/[^\n]/g, ' ')
}

function filesUnder(path) {
  if (statSync(join(root, path)).isFile()) return [path]
  const names = readdirSync(join(root, path), { recursive: true }).map((name) => join(path, name))
  return names.filter((name) => /\.(?:md|ts|mts|mjs|cjs|h|cc|yml)$/.test(name) && !EXEMPT.has(name))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const files = COVERED.flatMap(filesUnder)
  const found = files.flatMap((file) =>
    wordsIn(file, readFileSync(join(root, file), 'utf8')).map((one) => ({ file, ...one })),
  )
  for (const { file, line, word, replacement } of found)
    console.error(`${file}:${line} has "${word}"; write ${replacement}`)
  console.log(`check-words: ${files.length} files, ${found.length} words`)
  process.exitCode = found.length > 0 ? 1 : 0
}
