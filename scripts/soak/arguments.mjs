import { parseArgs } from 'node:util'

/** Parses options that are whole numbers above 0, with their defaults. An invalid option ends the process. */
export function numbersFromArguments(defaults) {
  try {
    const options = Object.fromEntries(Object.keys(defaults).map((name) => [name, { type: 'string' }]))
    const { values } = parseArgs({ options })
    return Object.fromEntries(
      Object.entries(defaults).map(([name, usual]) => [name, numberOf(name, values[name] ?? usual)]),
    )
  } catch (error) {
    console.error(error.message)
    process.exit(2)
  }
}

function numberOf(name, text) {
  if (text === undefined) return undefined
  const number = Number(text)
  if (!Number.isInteger(number) || number <= 0) throw new Error(`--${name} must be a whole number above 0`)
  return number
}

export function newSeed() {
  return 1 + Math.floor(Math.random() * (2 ** 32 - 1))
}
