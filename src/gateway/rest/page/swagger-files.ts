import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { ErrorCode, ShmwireError } from '../../../errors.js'

/** The files of swagger-ui-dist that the page needs, with their types. */
const FILES: Readonly<Record<string, string>> = {
  'favicon-32x32.png': 'image/png',
  'index.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'swagger-ui.css': 'text/css; charset=utf-8',
}
const PACKAGE = 'swagger-ui-dist'
const REMEDY = `run: npm install ${PACKAGE}@5`

/** A file of the page. */
export interface PageFile {
  readonly name: string
  readonly contentType: string
  readonly body: Uint8Array
}

/** Reads the files of the installed package. Rejects with `UNAVAILABLE` if it is missing, or has another version. */
export async function swaggerFiles(): Promise<readonly PageFile[]> {
  const folder = await packageFolder()
  const read = Object.entries(FILES).map(async ([name, contentType]) => ({
    name,
    contentType,
    body: await readFile(join(folder, name)),
  }))
  return Promise.all(read)
}

async function packageFolder(): Promise<string> {
  let manifest: string
  try {
    manifest = createRequire(import.meta.url).resolve(`${PACKAGE}/package.json`)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw cause
    throw new ShmwireError(ErrorCode.UNAVAILABLE, `page: true needs the package ${PACKAGE}; ${REMEDY}`, {
      cause,
    })
  }
  const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { readonly version: string }
  if (!version.startsWith('5.'))
    throw new ShmwireError(
      ErrorCode.UNAVAILABLE,
      `page: true needs version 5 of the package ${PACKAGE}, and ${version} is installed; ${REMEDY}`,
    )
  return dirname(manifest)
}
