import { cpSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, run } from '../stages/command.mjs'
import { installTarball } from './pack.mjs'

const ADDON = join(root, 'build/no-external-buffers/shmwire.node')
/** The tests that send claims, and receive views and long messages, among others. */
const TESTS = [
  'test/conformance/shm.test.ts',
  'test/unit/link/long-buffers.test.ts',
  'test/unit/link/record-writer.test.ts',
]

/** A listener with borrowed views must not make blocking calls. Here views are copies, as over a socket, and such calls are allowed. */
const APPLICABLE = '^(?!.*refuse a blocking (?:request|receive) inside a listener)'

/**
 * Electron allows no ArrayBuffer over the memory of an addon. Runs an addon that is refused such a buffer: in the tests of the shared-memory
 * link, then against the addon of the package, in both directions.
 */
export async function noExternalBuffers(report, { tarball, scratch }) {
  const built = await run(process.execPath, ['scripts/build-addon.mjs', '--no-external-buffers', '--quiet'])
  if (!report.check('an addon without external buffers is built', built)) return
  const isRefused = !readFileSync(ADDON).includes('napi_create_external_arraybuffer')
  report.check('it does not call napi_create_external_arraybuffer', { ok: isRefused, output: ADDON })
  const env = { SHMWIRE_ADDON: ADDON, NO_COLOR: '1' }
  const vitest = [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--reporter=dot',
    '--execArgv=--expose-gc',
    '--testNamePattern',
    APPLICABLE,
    ...TESTS,
  ]
  report.check(`without external buffers: ${TESTS.join(', ')}`, await run(process.execPath, vitest, { env }))
  const folder = join(scratch, 'no-external-buffers')
  if (!(await installTarball(report, folder, tarball))) return
  cpSync(join(root, 'test/package/runtimes'), join(folder, 'runtimes'), { recursive: true })
  mkdirSync(join(folder, 'run'), { mode: 0o700 })
  const options = { cwd: folder, env: { SHMWIRE_DIR: join(folder, 'run') } }
  const [node, suite] = [process.execPath, 'runtimes/client.mjs']
  const refused = ['/usr/bin/env', `SHMWIRE_ADDON=${ADDON}`, node]
  report.check('a server without external buffers', await run(node, [suite, 'finish', ...refused], options))
  options.env = { ...options.env, ...env }
  report.check('a client without external buffers', await run(node, [suite, 'finish', node], options))
}
