import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

const OTHERS_ENTER = 0o001

/** Why this process cannot run programs of this repository as another user. Undefined: it can. */
export const otherUsersFault: string | undefined = faultOf()

function faultOf(): string | undefined {
  if (process.geteuid?.() !== 0) return 'only root can become another user; run the tests as root'
  let folder = dirname(fileURLToPath(import.meta.url))
  for (let parent = dirname(folder); parent !== folder; folder = parent, parent = dirname(folder)) {
    if ((statSync(folder).mode & OTHERS_ENTER) === 0) return `other users cannot enter ${folder}`
  }
  return undefined
}
