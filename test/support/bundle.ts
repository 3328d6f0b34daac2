import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'rolldown'

/** Makes one plain JavaScript file of a TypeScript file beside this one, for a process of its own. Returns its path. */
export async function bundle(name: string, directory: string): Promise<string> {
  const file = join(directory, `${name}.mjs`)
  await build({
    input: fileURLToPath(new URL(`./${name}.ts`, import.meta.url)),
    platform: 'node',
    logLevel: 'warn',
    output: { file, format: 'esm' },
  })
  return file
}
