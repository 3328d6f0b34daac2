import { existsSync } from 'node:fs'
import { loadForChannels } from '../../load-for-channels.js'
import { addonFiles, platformName, runningFile } from '../../native/addon-files.js'
import { memoryFault, type NativeLoad } from '../../native/load-binding.js'
import { type Finding, ok, problem } from './finding.js'

const CHECK = 'addon'

/** The file of the native addon, or the places where it could be. */
export async function checkAddon(env: NodeJS.ProcessEnv): Promise<Finding> {
  return addonFinding(await loadForChannels({ transport: 'auto' }), env)
}

export function addonFinding(native: NativeLoad, env: NodeJS.ProcessEnv): Finding {
  const fault = memoryFault(native)
  if ('binding' in native) {
    if (fault === undefined)
      return ok(CHECK, `${native.path}, memory layout ${native.binding.LAYOUT_VERSION}`)
    return problem(
      CHECK,
      `${native.path} is loaded, but ${fault}`,
      'use a runtime of docs/runtimes.md, such as Node.js',
    )
  }
  if (env['SHMWIRE_NO_ADDON'] === '1') return problem(CHECK, `${fault}`, 'unset SHMWIRE_NO_ADDON')
  if (env['SHMWIRE_ADDON'])
    return problem(
      CHECK,
      `${fault}`,
      'unset SHMWIRE_ADDON, or set it to the absolute path of the file that shmwire build wrote',
    )
  return problem(CHECK, `${fault}`, fixOf(`${fault}`))
}

/** An addon that is there and does not load is for another platform or runtime, or a flag of Node.js refuses it. */
function fixOf(fault: string): string {
  if (fault.includes('--allow-addons')) return 'start node with --allow-addons'
  if (fault.includes('--no-addons')) return 'start node without --no-addons (see NODE_OPTIONS)'
  const places = [...addonFiles(runningFile(), platformName())]
  const exists = places.some((place) => 'path' in place && existsSync(place.path))
  return exists
    ? `run 'npx shmwire build', or install the package again on this platform`
    : `run 'npx shmwire build', which needs a C++ compiler only`
}
