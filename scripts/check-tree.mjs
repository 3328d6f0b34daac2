// Checks the rules of this repository that oxlint and knip cannot express: the contents of src/index.ts, the folders of the
// unit tests, paths of one machine, wall clocks, and the includes and atomics of the C++ code.
// Prints every violation; exits 1 if there is one.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const violations = []

/** oxlint counts the lines of JavaScript and TypeScript. */
const NATIVE_LINES_MAX = 400
/** Generated files and installed packages. */
const SKIPPED =
  /^(node_modules|dist|prebuilds|native\/include|coverage|build|build-[^/]*|\.git|\.build-[^/]*|\.cache|package-lock\.json)$/
const TEXT =
  /(\.(ts|mts|cts|js|mjs|cjs|h|cc|json|jsonc|md|yml|yaml|gyp|txt|cmake|toml)|(^|\/)\.?[A-Za-z_-]+)$/

/** People and time servers set these clocks, so no wait may depend on them. oxlint reports `Date.now`. */
const WALL_CLOCKS =
  /\bnew Date\(\s*\)|\bCLOCK_REALTIME|\bsystem_clock\b|\bgettimeofday\b|\btimespec_get\b|\btime\(\s*(nullptr|NULL|0|&\w+)\s*\)/

const files = filesUnder('')

checkIndexes()
checkTests()
checkMachinePaths()
checkClocks()
checkNative()
checkApiVersion()

for (const violation of violations) console.error(violation)
console.log(`check-tree: ${files.length} files, ${violations.length} violations`)
process.exitCode = violations.length > 0 ? 1 : 0

/** An entry of the package holds the public names and nothing else. */
function checkIndexes() {
  const adapters = ['http', 'port', 'stream'].map((name) => `src/adapter/${name}.ts`)
  for (const file of [
    'src/index.ts',
    'src/engine/nats/index.ts',
    'src/observe/index.ts',
    'src/observe/otel/index.ts',
    'src/service/proto/index.ts',
    'src/gateway/auth/index.ts',
    'src/gateway/grpc/index.ts',
    'src/gateway/rest/index.ts',
    'src/gateway/ws/index.ts',
    'src/resilience/index.ts',
    'src/testing/index.ts',
    ...adapters,
  ]) {
    const rest = withoutComments(read(file)).replace(
      /export\s+(type\s+)?(\{[^}]*\}|\*)\s*from\s*'[^']*';?/g,
      '',
    )
    if (rest.trim() !== '') report(file, `contains more than re-exports: ${rest.trim().split('\n')[0]}`)
  }
}

/** The folders of test/unit/ mirror those of src/. */
function checkTests() {
  for (const file of files.filter((name) => /^test\/unit\/.*\.test\.ts$/.test(name))) {
    const folder = dirname(file).replace('test/unit', 'src')
    if (!existsSync(join(root, folder))) report(file, `has no folder to test: ${folder} does not exist`)
  }
}

/** Such a path exists on one machine only. */
function checkMachinePaths() {
  const machinePath = new RegExp(`(?<![\\w.~}/])/(${['root', 'home', 'work'].join('|')})/`)
  for (const file of files.filter((name) => TEXT.test(name))) {
    read(file)
      .split('\n')
      .forEach((line, index) => {
        if (machinePath.test(line))
          report(`${file}:${index + 1}`, `contains a path of one machine: ${line.trim()}`)
      })
  }
}

function checkClocks() {
  for (const file of files.filter((name) => /^(src\/|native\/(core|platform|addon)\/)/.test(name))) {
    const found = WALL_CLOCKS.exec(withoutComments(read(file)))
    if (found !== null) report(file, `reads a wall clock (${found[0]}); use a monotonic clock`)
  }
}

function checkNative() {
  for (const file of files.filter(
    (name) => /^native\/.*\.(h|cc)$/.test(name) && !name.startsWith('native/test/'),
  )) {
    const text = read(file)
    const lines = text.trimEnd().split('\n').length
    if (lines > NATIVE_LINES_MAX) report(file, `has ${lines} lines; the maximum is ${NATIVE_LINES_MAX}`)
    const code = withoutComments(text)
    // No other process can wake a wait on a private futex.
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

/** Good enough for code in this repository's format: strings keep what looks like a comment only after a colon. */
function withoutComments(text) {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(?<![:'"`\\])\/\/[^\n]*/g, '')
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
