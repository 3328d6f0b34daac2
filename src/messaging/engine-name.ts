import { invalid } from '../options.js'

/** The name of a topic, a cell or a queue of an engine. Throws `INVALID_ARGUMENT`. */
export function checkEngineName(target: unknown): string {
  if (typeof target !== 'string' || target === '')
    throw invalid('target', target, 'a name of the engine, because the option engine is set')
  return target
}
