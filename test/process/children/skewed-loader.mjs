// Loads the modules of build/modules/wire with other values of some exported constants.
let constants

export function initialize(data) {
  constants = data
}

export async function load(url, context, nextLoad) {
  const result = await nextLoad(url, context)
  if (!url.includes('/build/modules/wire/')) return result
  let source = String(result.source)
  for (const [name, value] of Object.entries(constants))
    source = source.replace(new RegExp(`(export const ${name} = )[^\\n]*`), `$1${JSON.stringify(value)};`)
  return { ...result, source }
}
