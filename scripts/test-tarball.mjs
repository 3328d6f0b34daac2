// Installs the packed tarball of this folder into an empty one, without scripts, and exchanges messages over shared memory.
//   SHA256=<expected sum> node scripts/test-tarball.mjs
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const tarballs = readdirSync('.').filter((file) => /^shmwire-.+\.tgz$/.test(file))
if (tarballs.length !== 1) fail(`expected one tarball here, found ${tarballs.length}: run npm pack`)
const tarball = resolve(tarballs[0])
const sum = createHash('sha256').update(readFileSync(tarball)).digest('hex')
if (sum !== process.env.SHA256)
  fail(`${tarballs[0]} has the SHA-256 ${sum}, but the variable SHA256 is '${process.env.SHA256}'`)

const scratch = mkdtempSync(join(tmpdir(), 'shmwire-tarball-'))
try {
  writeFileSync(join(scratch, 'package.json'), '{"private":true}')
  // A shell, because npm is a script on Windows. The path contains no characters of a shell.
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', `"${tarball}"`], { shell: true })
  const tests = fileURLToPath(new URL('../test/package/', import.meta.url))
  for (const file of ['exchange.mjs', 'import.mjs', 'require.cjs'])
    cpSync(join(tests, file), join(scratch, file))
  for (const file of ['import.mjs', 'require.cjs']) {
    const output = run(process.execPath, [file])
    if (!output.startsWith('shm')) fail(`${file} did not use shared memory, but ${output.trim()}`)
    console.log(`${file} exchanges messages over shared memory`)
  }
} finally {
  rmSync(scratch, { recursive: true, force: true })
}

function run(command, args, options) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: scratch,
    encoding: 'utf8',
    ...options,
  })
  if (status !== 0) fail(`${command} ${args.join(' ')} ended with ${status}: ${error ?? stdout + stderr}`)
  return stdout
}

function fail(message) {
  throw new Error(message)
}
