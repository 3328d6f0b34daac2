// Checks what no compiler does: who imports whom, what no source file reaches, how long files are, and a few
// words that must not appear. Prints every violation; exits 1 if there is any.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const violations = []

const LINES_MAX = 400
/** Made by tools, or not ours. */
const SKIPPED =
  /^(node_modules|dist|prebuilds|coverage|build|build-[^/]*|\.git|\.build-[^/]*|\.cache|package-lock\.json)$/
const CODE = /\.(ts|mts|cts|js|mjs|cjs|h|cc)$/
const TEXT =
  /(\.(ts|mts|cts|js|mjs|cjs|h|cc|json|jsonc|md|yml|yaml|gyp|txt|cmake|toml)|(^|\/)\.?[A-Za-z_-]+)$/

/** What any folder may import. */
const COMMON = [
  'async-queue',
  'deadline',
  'errors',
  'fifo',
  'linked-queue',
  'nearest',
  'options',
  'printable',
  'received-memory',
  'stats',
  'turn-budget',
  'uncaught',
]
/**
 * The import directions of the design: patterns, bridges → channel → {codec, link contract};
 * link → native. A folder may always import from itself; entries are folders (with a slash) or files.
 */
const ALLOWED = {
  codec: ['errors'],
  native: COMMON,
  control: [...COMMON, 'address', 'codec/codec', 'link/link', 'native/'],
  link: [...COMMON, 'control/', 'native/'],
  channel: [...COMMON, 'codec/', 'link/link'],
  patterns: [...COMMON, 'address', 'listen', 'connect', 'channel/', 'codec/codec'],
  bridge: [...COMMON, 'address', 'listen', 'connect', 'channel/', 'codec/', 'link/link', 'patterns/'],
  cli: [...COMMON, 'address', 'listen', 'connect', 'channel/', 'control/', 'native/', 'patterns/'],
}
/** What the files in src/ itself may never import. */
const NEVER_FROM_ROOT = ['bridge/', 'cli/']

/** The clock of the wall, which people and time servers set: no wait of ours may depend on it. */
const WALL_CLOCKS =
  /\bDate\.now\b|\bnew Date\(\s*\)|\bCLOCK_REALTIME|\bsystem_clock\b|\bgettimeofday\b|\btimespec_get\b|\btime\(\s*(nullptr|NULL|0|&\w+)\s*\)/

/** The link that needs nothing below it: the channel's own tests run on it, and it shows what the contract asks for. */
const FOR_TESTS = 'src/link/memory.ts'

const files = filesUnder('')
const sources = files.filter((file) => file.startsWith('src/'))
const imports = new Map(sources.map((file) => [file, importsOf(file)]))

checkDirections()
checkIndex()
checkReached()
checkTests()
checkLengths()
checkWords()
checkClocks()
checkNative()
checkApiVersion()

for (const violation of violations) console.error(violation)
console.log(`check-tree: ${files.length} files, ${violations.length} violations`)
process.exitCode = violations.length > 0 ? 1 : 0

function checkDirections() {
  for (const [file, targets] of imports) {
    for (const target of targets) {
      if (!existsSync(join(root, target))) {
        report(file, `imports ${target}, which does not exist`)
        continue
      }
      const [from, to] = [nameInSource(file), nameInSource(target)]
      if (!mayImport(from, to)) report(file, `imports ${target}: the import directions forbid it`)
    }
  }
}

function mayImport(from, to) {
  const isMatch = (entry) => (entry.endsWith('/') ? to.startsWith(entry) : to === entry)
  const folder = folderOf(from)
  if (folder === undefined) return !NEVER_FROM_ROOT.some(isMatch)
  if (folder === folderOf(to)) return folder !== 'bridge' || from.split('/')[1] === to.split('/')[1]
  const allowed = ALLOWED[folder]
  return allowed === undefined || allowed.some(isMatch)
}

/** The public names, nothing else. */
function checkIndex() {
  const file = 'src/index.ts'
  if (!existsSync(join(root, file))) return report(file, 'does not exist')
  const rest = withoutComments(read(file)).replace(
    /export\s+(type\s+)?(\{[^}]*\}|\*)\s*from\s*'[^']*';?/g,
    '',
  )
  if (rest.trim() !== '') report(file, `holds more than re-exports: ${rest.trim().split('\n')[0]}`)
}

/** Every source file is reached from what the package exports. */
function checkReached() {
  const manifest = JSON.parse(read('package.json'))
  const reached = new Set()
  const open = [
    ...JSON.stringify([manifest.exports, manifest.bin ?? {}]).matchAll(/"\.\/dist\/([^"]+?)\.js"/g),
  ].map((match) => `src/${match[1]}.ts`)
  while (open.length > 0) {
    const file = open.pop()
    if (reached.has(file)) continue
    reached.add(file)
    open.push(...(imports.get(file) ?? []))
  }
  for (const file of sources) {
    if (!reached.has(file) && file !== FOR_TESTS) report(file, 'is reached from no export of package.json')
  }
}

/** test/unit/ mirrors src/, test/conformance/ and test/process/ are free. */
function checkTests() {
  for (const file of files.filter((name) => /^test\/unit\/.*\.test\.ts$/.test(name))) {
    const folder = dirname(file).replace('test/unit', 'src')
    if (!existsSync(join(root, folder))) report(file, `mirrors no folder: ${folder} does not exist`)
  }
}

function checkLengths() {
  for (const file of files.filter((name) => CODE.test(name))) {
    const lines = read(file).trimEnd().split('\n').length
    if (lines > LINES_MAX) report(file, `has ${lines} lines; ${LINES_MAX} are the most`)
  }
}

/** Paths of somebody's machine. */
function checkWords() {
  const machinePath = new RegExp(`(?<![\\w.~}/])/(${['root', 'home', 'work'].join('|')})/`)
  for (const file of files.filter((name) => TEXT.test(name))) {
    read(file)
      .split('\n')
      .forEach((line, index) => {
        if (machinePath.test(line))
          report(`${file}:${index + 1}`, `holds a path of one machine: ${line.trim()}`)
      })
  }
  // The order of accesses to shared memory is decided in C++: JavaScript has no fences.
  for (const file of sources) {
    if (/\bAtomics\b/.test(withoutComments(read(file))))
      report(file, 'uses Atomics; shared words belong to native/core')
    // Cleared by a tick that then throws, an immediate leaves Node throwing for ever (processImmediate of its timers, Node 20).
    if (/\bclearImmediate\b/.test(withoutComments(read(file))))
      report(file, 'clears an immediate; let it come, and do nothing')
  }
}

function checkClocks() {
  for (const file of files.filter((name) => /^(src\/|native\/(core|platform|addon)\/)/.test(name))) {
    const found = WALL_CLOCKS.exec(withoutComments(read(file)))
    if (found !== null) report(file, `reads the clock of the wall (${found[0]}); take a monotonic one`)
  }
}

function checkNative() {
  for (const file of files.filter(
    (name) => /^native\/.*\.(h|cc)$/.test(name) && !name.startsWith('native/test/'),
  )) {
    const code = withoutComments(read(file))
    // Waits on a private futex are woken by no other process.
    if (code.includes('FUTEX_PRIVATE') || /FUTEX_(WAIT|WAKE)_PRIVATE/.test(code))
      report(file, 'uses a private futex')
    const isCore = file.startsWith('native/core/')
    const isContract = /^native\/platform\/[^/]+\.h$/.test(file)
    for (const [, header] of code.matchAll(/#\s*include\s*<([^>]+)>/g)) {
      // The standard library's own headers have neither a slash nor a suffix.
      if ((isCore || isContract) && /[./]/.test(header))
        report(file, `includes <${header}>; it must know no system and no Node`)
    }
    if ((isCore || isContract) && /#\s*include\s*"(node|napi|uv)/.test(code))
      report(file, 'includes a header of Node')
    if (isCore && /#\s*include\s*"(\.\.\/)?(native\/)?addon\//.test(code))
      report(file, 'includes a header of the addon')
    if (isCore && /#\s*include\s*"(\.\.\/)?platform\/[^"]+\//.test(code))
      report(file, 'includes one platform; it may know the contracts only')
    const isAtomic = /\bstd::atomic|\b__atomic_|\b__sync_/.test(code)
    if (isAtomic && file.startsWith('native/addon/')) report(file, 'uses atomics; they belong to native/core')
    // A mapping's owners are counted in private memory.
    if (isAtomic && isCore && !/\/shared_(word|access|mapping)\.(h|cc)$/.test(file))
      report(file, 'uses atomics beside shared_word.h, shared_access.h and shared_mapping')
  }
}

/** native/sources.json states the version of Node-API. cmake-js takes from package.json that there is one. */
function checkApiVersion() {
  const versions = JSON.parse(read('package.json')).binary.napi_versions
  const { defines } = JSON.parse(read('native/sources.json'))
  if (versions.length !== 1 || !defines.includes(`NAPI_VERSION=${versions[0]}`))
    report('package.json', 'has other binary.napi_versions than native/sources.json')
}

function report(place, what) {
  violations.push(`${place} ${what}`)
}

/** Relative imports, dynamic ones, and `new URL('./x.js', …)` of workers, as paths from the root with their .ts suffix. */
function importsOf(file) {
  const code = withoutComments(read(file))
  const specifiers = [/\bfrom\s*'(\.[^']+)'/g, /\bimport\s*\(?\s*'(\.[^']+)'/g, /new URL\('(\.[^']+\.js)'/g]
  return specifiers
    .flatMap((pattern) => [...code.matchAll(pattern)])
    .map(([, specifier]) => relative(root, join(root, dirname(file), specifier)).replace(/\.js$/, '.ts'))
}

/** Good enough for code in this repository's format: strings keep what looks like a comment only after a colon. */
function withoutComments(text) {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(?<![:'"`\\])\/\/[^\n]*/g, '')
}

function nameInSource(file) {
  return file.slice('src/'.length).replace(/\.ts$/, '')
}

function folderOf(name) {
  return name.includes('/') ? name.split('/')[0] : undefined
}

function read(file) {
  return readFileSync(join(root, file), 'utf8')
}

function filesUnder(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const name = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (SKIPPED.test(name)) return []
    if (entry.isDirectory()) return filesUnder(name)
    return entry.isFile() ? [name] : []
  })
}
