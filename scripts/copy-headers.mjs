// The headers of Node-API and node-addon-api in native/include/, where every build finds them, also that of an installed package
// (`shmwire build`). Git ignores the folder.
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const HEADERS = {
  'node-api-headers': [
    'include/js_native_api.h',
    'include/js_native_api_types.h',
    'include/node_api.h',
    'include/node_api_types.h',
  ],
  'node-addon-api': ['napi.h', 'napi-inl.h', 'napi-inl.deprecated.h'],
}

/** Copies the headers that differ; the others keep their time of change, and so do the objects that were compiled with them. */
export function copyHeaders(root) {
  const require = createRequire(join(root, 'package.json'))
  const folder = join(root, 'native/include')
  mkdirSync(folder, { recursive: true })
  for (const [name, files] of Object.entries(HEADERS)) {
    const source = dirname(require.resolve(`${name}/package.json`))
    for (const file of files) {
      const target = join(folder, file.replace('include/', ''))
      if (existsSync(target) && readFileSync(target).equals(readFileSync(join(source, file)))) continue
      cpSync(join(source, file), target)
    }
  }
}
