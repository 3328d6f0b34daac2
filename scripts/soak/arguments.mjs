import { parseArgs } from 'node:util'

/** Parses options that are whole numbers above 0, with their defaults. An invalid option ends the process. */
export function numbersFromArguments(defaults) {
  return optionsFromArguments({ numbers: defaults })
}

/** The same, and options that have one of several values, of which the first one is the default, and texts, which can be absent. */
export function optionsFromArguments({ numbers, choices = {}, texts = [] }) {
  try {
    const names = [...Object.keys(numbers), ...Object.keys(choices), ...texts]
    const options = Object.fromEntries(names.map((name) => [name, { type: 'string' }]))
    const { values } = parseArgs({ options })
    return Object.fromEntries([
      ...Object.entries(numbers).map(([name, usual]) => [name, numberOf(name, values[name] ?? usual)]),
      ...Object.entries(choices).map(([name, all]) => [name, choiceOf(name, values[name] ?? all[0], all)]),
      ...texts.map((name) => [name, values[name]]),
    ])
  } catch (error) {
    console.error(error.message)
    process.exit(2)
  }
}

function choiceOf(name, value, all) {
  if (!all.includes(value)) throw new Error(`--${name} must be ${all.join(' or ')}; it is ${value}`)
  return value
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
