import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')

/** Collects at once. The target of a WeakRef that was used in this turn of the event loop stays until its end. */
export const collectGarbage = runInNewContext('gc') as () => void
