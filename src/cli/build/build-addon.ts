import { CommandError } from '../command.js'
import { compileUnits } from './compile-units.js'
import type { Compiler } from './compiler.js'
import { commonFlags, readSourceList, type SourceList } from './source-list.js'

export interface AddonBuild {
  readonly root: string
  readonly compiler: Compiler
  readonly objects: string
  readonly output: string
  readonly flags?: readonly string[]
  readonly force?: boolean
}

/** Compiles the addon for the operating system of this process. */
export async function buildAddon(build: AddonBuild, log: (line: string) => void): Promise<void> {
  const list = readSourceList(build.root)
  const sources = [...list.core, ...platformSources(list)]
  const flags = [...commonFlags(list), ...(build.flags ?? [])]
  const units = [
    ...sources.map((source) => ({ source, flags: [...flags, ...list.flags.core] })),
    ...list.addon.map((source) => ({ source, flags: [...flags, ...list.flags.addon] })),
  ]
  const link = list.flags.link[process.platform] ?? []
  const plan = {
    root: build.root,
    units,
    compile: build.compiler.command,
    link: [...build.compiler.command, '-shared', ...link, ...(build.flags ?? [])],
    objects: build.objects,
    output: build.output,
  }
  await compileUnits(plan, log, { force: build.force ?? false })
}

function platformSources(list: SourceList): readonly string[] {
  const sources = list.platform[process.platform]
  if (sources !== undefined) return sources
  throw new CommandError(
    `there is no native code for the operating system '${process.platform}', only for ` +
      `${Object.keys(list.platform).join(', ')}. Channels use the socket here`,
  )
}
