// Bundles the published code: one file for each entry of the package, and one that they share. Node opens and links each file of a program
// on its own, so a program that imports a few files starts sooner than one that imports hundreds (docs/decisions/0043).
import { join } from 'node:path'
import { rolldown } from 'rolldown'

/** Without the extension, as in `exports` of package.json. */
const ENTRIES = [
  'index',
  'adapter/http',
  'adapter/port',
  'adapter/stream',
  'cli/main',
  'cli/peer/peer',
  'engine/nats/index',
  'engine/sqlite/store-worker',
  'gateway/auth/index',
  'gateway/grpc/index',
  'gateway/rest/index',
  'gateway/ws/index',
  'resilience/index',
  'observe/index',
  'observe/otel/index',
  'service/proto/index',
  'testing/index',
]

/** All modules that `index` imports. src/native/addon-files.ts knows the name. */
const CORE = 'shmwire-core'

/** Bundles `<root>/src` into `folder`, which must be as deep in the tree as the sources: the source maps have relative paths. */
export async function bundle(root, folder) {
  const core = await modulesOf(root, ['index'])
  const code = await start(root, ENTRIES)
  await code.write({
    dir: folder,
    format: 'esm',
    sourcemap: true,
    entryFileNames: '[name].js',
    chunkFileNames: '[name].js',
    minifyInternalExports: false,
    // They are in the types and, with all of the source, in the source maps.
    comments: { jsdoc: false },
    codeSplitting: { groups: [{ name: CORE, test: (id) => core.has(id) && !isEntry(root, id) }] },
  })
  await code.close()
}

async function modulesOf(root, entries) {
  const code = await start(root, entries)
  const { output } = await code.generate({ format: 'esm' })
  await code.close()
  return new Set(output.flatMap((chunk) => (chunk.type === 'chunk' ? chunk.moduleIds : [])))
}

function start(root, entries) {
  return rolldown({
    cwd: root,
    input: Object.fromEntries(entries.map((entry) => [entry, `./src/${entry}.ts`])),
    platform: 'node',
    tsconfig: 'tsconfig.json',
    // Packages are optional, and stay outside.
    external: /^(?![./]|[A-Za-z]:[\\/])/,
    resolve: { extensionAlias: { '.js': ['.ts'] } },
    onLog(level, { message }) {
      if (level === 'warn') throw new Error(message)
    },
  })
}

function isEntry(root, id) {
  return ENTRIES.some((entry) => id === join(root, 'src', `${entry}.ts`))
}
