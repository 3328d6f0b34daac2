import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CommandError } from '../command.js'

/** A file of the page. They have no secrets: the package is public. */
export interface PageFile {
  readonly contentType: string
  readonly body: Buffer
}

/** Where the build writes the files, in the package. */
const FOLDER = 'dist/cli/monitor/page'

const FILES: Readonly<Record<string, readonly [name: string, contentType: string]>> = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/page.js': ['page.js', 'text/javascript; charset=utf-8'],
  '/page.css': ['page.css', 'text/css; charset=utf-8'],
  '/icon.svg': ['icon.svg', 'image/svg+xml'],
}

/** By path. */
export function readPageFiles(root: string): ReadonlyMap<string, PageFile> {
  return new Map(
    Object.entries(FILES).map(([path, [name, contentType]]) => [
      path,
      { contentType, body: read(join(root, FOLDER, name)) },
    ]),
  )
}

function read(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw new CommandError(
      `${path} is missing (${(cause as NodeJS.ErrnoException).code}); install the package again`,
      { cause },
    )
  }
}
