import { CommandError } from '../command.js'
import { compileUnits } from './compile-units.js'
import type { Compiler } from './compiler.js'
import { addonUnits, readSourceList, type SourceList } from './source-list.js'

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
  checkPlatform(list)
  const further = build.flags ?? []
  const link = list.flags.link[process.platform] ?? []
  const plan = {
    root: build.root,
    units: addonUnits(list, process.platform, further),
    compile: build.compiler.command,
    link: [...build.compiler.command, '-shared', ...link, ...further],
    objects: build.objects,
    output: build.output,
  }
  await compileUnits(plan, log, { force: build.force ?? false })
}

function checkPlatform(list: SourceList): void {
  if (process.platform in list.platform) return
  throw new CommandError(
    `there is no native code for the operating system '${process.platform}', only for ` +
      `${Object.keys(list.platform).join(', ')}. Channels use the socket here`,
  )
}
