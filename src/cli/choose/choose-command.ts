import { parseArgs } from 'node:util'
import { type Command, type CommandIo, UsageError } from '../command.js'
import { checkArgumentCount } from '../message-options.js'
import { wrap } from '../wrap.js'
import { type Advice, advise, type Choice } from './advise.js'
import { askQuestions } from './ask-questions.js'
import {
  type Answers,
  answerNames,
  answerText,
  QUESTION_NAMES,
  QUESTIONS,
  type QuestionName,
} from './questions.js'

export const chooseCommand: Command = {
  name: 'choose',
  summary: 'find the link, the pattern and the gateway for a program',
  help: `Usage: shmwire choose [options]

Asks five questions, and names the link, the pattern and the gateway, with measured figures. In a script, pass all
answers as options. docs/choosing.md has the same questions and answers.

${optionsHelp()}
  --json                 print one line of JSON

Example:
  shmwire choose --machines same --language javascript --receivers callee --durability none --rate high
`,
  run,
}

async function run(args: readonly string[], io: CommandIo): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      machines: { type: 'string' },
      language: { type: 'string' },
      receivers: { type: 'string' },
      durability: { type: 'string' },
      rate: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  })
  checkArgumentCount(positionals, 0)
  const given = new Map<QuestionName, string>()
  for (const name of QUESTION_NAMES) {
    const answer = values[name]
    if (answer !== undefined) given.set(name, checkAnswer(name, answer))
  }
  const missing = QUESTION_NAMES.filter((name) => !given.has(name))
  if (missing.length > 0) await ask(missing, given, io)
  const answers = Object.fromEntries(given) as Answers
  const advice = advise(answers)
  io.out(values.json ? `${JSON.stringify({ answers, ...advice })}\n` : report(advice, io))
}

async function ask(
  missing: readonly QuestionName[],
  given: Map<QuestionName, string>,
  io: CommandIo,
): Promise<void> {
  const prompt = io.openPrompt?.()
  if (prompt === undefined)
    throw new UsageError(
      `without a terminal, these options are missing: ${missing.map((name) => `--${name}`).join(', ')}`,
    )
  try {
    await askQuestions(missing, given, (text) => prompt.question(text), io)
  } finally {
    prompt.close()
  }
  io.out('\n')
}

function checkAnswer(name: QuestionName, answer: string): string {
  const names = answerNames(name)
  if (names.includes(answer)) return answer
  throw new UsageError(`--${name} ${answer}: it must be ${names.join(', ')}`)
}

const TITLE_WIDTH = 'gateway  '.length

/** The text of `shmwire choose`. */
function report(
  { link, pattern, gateway, hints }: Advice,
  { style, columns }: Pick<CommandIo, 'style' | 'columns'>,
): string {
  const none: Choice = { title: 'none', why: 'both sides use the package', document: '' }
  const parts = [
    ['link', link],
    ['pattern', pattern],
    ['gateway', gateway ?? none],
  ] as const
  const indent = ' '.repeat(TITLE_WIDTH)
  const fitted = (text: string): string => wrap(plain(text), TITLE_WIDTH, columns)
  const lines = parts.map(([name, { title, why, document }]) => {
    const more = document === '' ? '' : `${indent}${style('dim', document)}\n`
    return `${style('bold', name.padEnd(TITLE_WIDTH))}${style('green', fitted(title))}\n${indent}${fitted(why)}\n${more}`
  })
  const rest = hints.map((hint) => `${style('bold', 'hint'.padEnd(TITLE_WIDTH))}${fitted(hint)}\n`)
  return [...lines, ...rest].join('')
}

/** Without the marks of Markdown. */
function plain(text: string): string {
  return text.replaceAll('`', '')
}

function optionsHelp(): string {
  return QUESTION_NAMES.map((name) => {
    const [first = '', ...rest] = answerNames(name).map(
      (answer) => `${answer.padEnd(12)} ${answerText(name, answer)}`,
    )
    const title = `  --${name} <answer>`.padEnd(25)
    return [`${title}${QUESTIONS[name].question}`, first, ...rest].join(`\n${' '.repeat(27)}`)
  }).join('\n')
}
