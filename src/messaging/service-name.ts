import { invalid } from '../options.js'

/** The sorts of services of this folder. */
export type MessagingSort = 'topic' | 'cell' | 'queue'

const NAME_CHARACTERS_MAX = 100
const NAME = /^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/

/** The name of the service of a topic, a cell or a queue, as policies and discovery see it. Throws `INVALID_ARGUMENT`. */
export function serviceName(sort: MessagingSort, name: string | undefined): string {
  if (name === undefined || name === '') return `shmwire.${sort}`
  if (typeof name === 'string' && name.length <= NAME_CHARACTERS_MAX && NAME.test(name))
    return `shmwire.${sort}.${name}`
  const form = `words of letters, digits, _ and - that dots join, of at most ${NAME_CHARACTERS_MAX} characters`
  throw invalid('name', name, form)
}
