import { existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { root, run } from '../stages/command.mjs'

const FOLDER = join(root, 'native/fuzz/corpus')

/** For the same inputs, always the same archive: sorted names, no times, no owners. */
const DETERMINISTIC = [
  '--sort=name',
  '--mtime=@0',
  '--owner=0',
  '--group=0',
  '--numeric-owner',
  '--mode=0644',
  '--format=ustar',
  '--use-compress-program=gzip -9n',
]

/** Puts the inputs of a target into `folder`. Only a new target may have none. */
export async function unpackCorpus(target, folder, { isNew = false } = {}) {
  mkdirSync(folder, { recursive: true })
  const archive = archiveOf(target)
  if (!existsSync(archive)) {
    const output = `${archive} does not exist; npm run fuzz -- --only ${target} --update-corpus creates it`
    return { ok: isNew, output: isNew ? '' : output }
  }
  return run('tar', ['-xzf', archive, '-C', folder])
}

/** Replaces the inputs of a target by those in `folder`. Needs GNU tar. */
export async function packCorpus(target, folder) {
  const archive = archiveOf(target)
  const fresh = `${archive}.new`
  const packed = await run('tar', [...DETERMINISTIC, '-cf', fresh, '-C', folder, ...readdirSync(folder)])
  if (packed.ok) renameSync(fresh, archive)
  return packed
}

function archiveOf(target) {
  return join(FOLDER, `${target}.tar.gz`)
}
