// The headers of Node-API and node-addon-api in native/include/, where every build finds them, also that of an installed package
// (`shmwire build`). Git ignores the folder.
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, join, resolve } from 'node:path'

/** Copies the headers that differ; the others keep their time of change, and so do the objects that were compiled with them. */
export function copyHeaders(root) {
  const require = createRequire(import.meta.url)
  const nodeApi = require('node-api-headers').include_dir
  const nodeAddonApi = resolve(require('node-addon-api').include_dir)
  const sources = [
    ...['js_native_api.h', 'js_native_api_types.h', 'node_api.h', 'node_api_types.h'].map((name) =>
      join(nodeApi, name),
    ),
    ...['napi.h', 'napi-inl.h', 'napi-inl.deprecated.h'].map((name) => join(nodeAddonApi, name)),
  ]
  const folder = join(root, 'native/include')
  mkdirSync(folder, { recursive: true })
  for (const source of sources) {
    const target = join(folder, basename(source))
    if (existsSync(target) && readFileSync(target).equals(readFileSync(source))) continue
    cpSync(source, target)
  }
}
