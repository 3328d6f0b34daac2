import { invalid } from '../../options.js'

/** The name of a service has at most 127 characters, with `shmwire.queue.` before it. */
const NAME = /^[A-Za-z0-9_.-]{0,100}$/

/** Throws `INVALID_ARGUMENT`. */
export function checkQueueName(name: unknown): void {
  if (typeof name !== 'string' || !NAME.test(name))
    throw invalid('name', name, 'a string of at most 100 characters from A-Z a-z 0-9 _ . -')
}
