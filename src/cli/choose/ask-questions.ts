import type { CommandIo } from '../command.js'
import { answerNames, answerText, QUESTIONS, type QuestionName } from './questions.js'

/** Asks the questions one after the other. An answer is its number or its name; the first one is the default. */
export async function askQuestions(
  names: readonly QuestionName[],
  given: Map<QuestionName, string>,
  question: (prompt: string) => Promise<string>,
  { out, style }: Pick<CommandIo, 'out' | 'style'>,
): Promise<void> {
  for (const name of names) {
    const answers = answerNames(name)
    const list = answers.map((answer, index) => `  ${index + 1}  ${answerText(name, answer)}\n`)
    out(`${style('bold', QUESTIONS[name].question)}\n${list.join('')}`)
    let chosen: string | undefined
    while (chosen === undefined) {
      const text = (await question(`1 to ${answers.length} [1]: `)).trim()
      chosen = chosenBy(text, answers)
      if (chosen === undefined)
        out(`  '${text}' is not one of these; type a number from 1 to ${answers.length}\n`)
    }
    given.set(name, chosen)
  }
}

function chosenBy(text: string, answers: readonly string[]): string | undefined {
  if (text === '') return answers[0]
  return answers.includes(text) ? text : answers[Number(text) - 1]
}
