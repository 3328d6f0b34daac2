import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')

/** At once. What a WeakRef was made of or asked for in this turn of the event loop stays until its end. */
export const collectGarbage = runInNewContext('gc') as () => void
