import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { run } from './command.mjs'

const ADDON = `prebuilds/${process.platform}-${process.arch}/shmwire.node`
const EXTENSIONS = { esm: 'mjs', cjs: 'cjs' }
/** The output of the bundled program: the transport, and the reason if it is the socket. */
const SHARED_MEMORY = /^shm$/
const LOOKED_EVERYWHERE =
  /^unix .*\/shmwire\.node does not exist; .*\/prebuilds\/.* does not exist; no package is installed for /

/** Each resolves to the errors and warnings. */
const BUNDLERS = {
  async esbuild({ entry, file, format }) {
    const { build } = await import('esbuild')
    const options = { bundle: true, platform: 'node', minify: true, logLevel: 'silent' }
    const { warnings } = await build({ ...options, entryPoints: [entry], outfile: file, format })
    return warnings.map(({ text }) => text)
  },

  async rolldown({ entry, file, format }) {
    const { rolldown } = await import('rolldown')
    const warnings = []
    const onLog = (level, { message }) => void (level === 'warn' && warnings.push(message))
    const bundle = await rolldown({ input: entry, platform: 'node', onLog })
    await bundle.write({ file, format })
    await bundle.close()
    return warnings
  },

  async webpack(options) {
    return await webpackOf((await import('webpack')).default, options)
  },
}

/** Bundles with webpack, or with a bundler that has its interface. Resolves to the errors and warnings. */
export async function webpackOf(webpack, { entry, file, format }) {
  const isModule = format === 'esm'
  const compiler = webpack({
    mode: 'production',
    target: 'node20',
    entry,
    output: {
      path: dirname(file),
      filename: basename(file),
      module: isModule,
      chunkFormat: isModule ? 'module' : 'commonjs',
    },
    experiments: { outputModule: isModule },
    performance: false,
    // It takes seconds, and the bundle of esbuild is minified.
    optimization: { minimize: false },
  })
  const stats = await promisify(compiler.run.bind(compiler))()
  await promisify(compiler.close.bind(compiler))()
  const { errors, warnings } = stats.toJson({ all: false, errors: true, warnings: true })
  return [...errors, ...warnings].map(({ message }) => message)
}

/** Where the addon can be, for a bundle in an empty folder. Each returns the environment of the bundle. */
const PLACES = {
  'next to the bundle': (folder, addon) => {
    copyFileSync(addon, join(folder, 'shmwire.node'))
  },
  'in prebuilds/ next to the bundle': (folder, addon) => {
    mkdirSync(dirname(join(folder, ADDON)), { recursive: true })
    copyFileSync(addon, join(folder, ADDON))
  },
  'at the path in SHMWIRE_ADDON': (_folder, addon) => ({ SHMWIRE_ADDON: addon }),
}

/** Bundles `bundled.mjs` in `scratch`, where the package is installed, and runs each bundle there and elsewhere. */
export async function bundlers(report, scratch, env, chosen = BUNDLERS) {
  for (const [bundler, bundle] of Object.entries(chosen)) {
    for (const [format, extension] of Object.entries(EXTENSIONS)) {
      const file = join(scratch, 'bundles', `${bundler}.${extension}`)
      const warnings = await bundle({ entry: join(scratch, 'bundled.mjs'), file, format })
      const bundled = { ok: warnings.length === 0, output: warnings.join('\n') }
      if (!report.check(`${bundler} bundles as ${format} without warnings`, bundled)) continue
      const faults = await faultsOf(file, join(scratch, 'node_modules/shmwire', ADDON), env)
      report.check(`${bundler} as ${format}: the bundle finds the addon`, {
        ok: faults.length === 0,
        output: faults.join('\n'),
      })
    }
  }
}

/** The runs of a bundle that did not end as expected. */
async function faultsOf(file, addon, env) {
  const faults = []
  const expectOutput = async (place, path, expected, environment) => {
    const { ok, output } = await run(process.execPath, [path], { env: { ...env, ...environment } })
    if (!ok || !expected.test(output.trim())) faults.push(`addon ${place}: ${output}`)
  }
  await expectOutput('in the installed package', file, SHARED_MEMORY)
  await elsewhere(file, (copy) => expectOutput('nowhere', copy, LOOKED_EVERYWHERE))
  for (const [place, prepare] of Object.entries(PLACES)) {
    await elsewhere(file, (copy) => expectOutput(place, copy, SHARED_MEMORY, prepare(dirname(copy), addon)))
  }
  return faults
}

/** Copies a bundle to an empty folder outside the folders with an installed package. */
async function elsewhere(file, use) {
  const folder = mkdtempSync(join(tmpdir(), 'shmwire-bundle-'))
  try {
    const copy = join(folder, basename(file))
    copyFileSync(file, copy)
    await use(copy)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
