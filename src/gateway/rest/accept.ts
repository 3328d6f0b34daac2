/** Longer lists are read up to here. */
const RANGES_MAX = 32

/** How much the header `accept` of a request wants a media type, from 0 to 1. The most specific range counts: RFC 9110, section 12.5.1. */
export function qualityOf(accept: string | undefined, type: string): number {
  if (accept === undefined || accept === '' || accept === '*/*') return 1
  const ranges = [type, `${type.slice(0, type.indexOf('/'))}/*`, '*/*']
  const qualities: (number | undefined)[] = [undefined, undefined, undefined]
  for (const part of accept.split(',', RANGES_MAX)) {
    const [name = '', ...parameters] = part.split(';')
    const index = ranges.indexOf(name.trim().toLowerCase())
    if (index !== -1) qualities[index] = weightOf(parameters)
  }
  return qualities.find((quality) => quality !== undefined) ?? 0
}

/** Whether the header names the type itself. */
export function names(accept: string | undefined, type: string): boolean {
  return accept?.toLowerCase().includes(type) === true && qualityOf(accept, type) > 0
}

/** The type that a request wants most; the first one of equals. Undefined: it accepts none. */
export function preferred<Type extends string>(
  accept: string | undefined,
  types: readonly Type[],
): Type | undefined {
  let best: Type | undefined
  let bestQuality = 0
  for (const type of types) {
    const quality = qualityOf(accept, type)
    if (quality > bestQuality) {
      best = type
      bestQuality = quality
    }
  }
  return best
}

function weightOf(parameters: readonly string[]): number {
  for (const parameter of parameters) {
    const [name = '', value = ''] = parameter.split('=')
    if (name.trim().toLowerCase() !== 'q') continue
    const quality = Number(value.trim())
    return quality >= 0 && quality <= 1 ? quality : 0
  }
  return 1
}
