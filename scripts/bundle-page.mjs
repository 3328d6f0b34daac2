// Bundles the page of `shmwire monitor` for the browser, with uPlot. Nothing of it runs in Node.js, so it is minified.
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rolldown } from 'rolldown'

const PAGE = 'cli/monitor/page'
const COPIED = ['index.html', 'icon.svg']

/** Writes the files of the page below `folder`, where the bundled code is. */
export async function bundlePage(root, folder) {
  const source = join(root, 'src', PAGE)
  const target = join(folder, PAGE)
  const code = await rolldown({
    cwd: root,
    input: { page: join(source, 'page.ts') },
    platform: 'browser',
    tsconfig: join(source, 'tsconfig.json'),
    resolve: { extensionAlias: { '.js': ['.ts', '.js'] } },
    onLog(level, { message }) {
      if (level === 'warn') throw new Error(message)
    },
  })
  await code.write({ dir: target, format: 'esm', minify: true, entryFileNames: '[name].js' })
  await code.close()
  for (const file of COPIED) cpSync(join(source, file), join(target, file))
  const styles = [join(root, 'node_modules/uplot/dist/uPlot.min.css'), join(source, 'page.css')]
  writeFileSync(join(target, 'page.css'), styles.map((file) => readFileSync(file, 'utf8')).join('\n'))
}
