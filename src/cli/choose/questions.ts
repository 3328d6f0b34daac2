/** The questions of `shmwire choose` and of docs/choosing.md, in their order. Each is also an option of the command. */
export const QUESTIONS = {
  machines: {
    question: 'Where are the two sides?',
    answers: {
      same: 'on the same machine',
      several: 'on several machines',
    },
  },
  language: {
    question: 'Which languages do they use?',
    answers: {
      javascript: 'JavaScript or TypeScript on both sides: Node.js, Bun, Deno',
      polyglot: 'other languages too: polyglot systems',
      web: 'browsers, mobile apps or third parties on one side: public APIs',
    },
  },
  receivers: {
    question: 'Who gets a message, and is there an answer?',
    answers: {
      callee: 'one service, which answers: request and reply',
      peer: 'the other side, in both directions: a conversation',
      subscribers: 'every subscriber: publish and subscribe, fan-out',
      readers: 'readers of the latest value only',
      worker: 'one of several workers: background processing, load distribution',
    },
  },
  durability: {
    question: 'What must messages survive?',
    answers: {
      none: 'nothing: they are in memory',
      crash: 'the crash of a process, and a power failure',
      machine: 'the loss of a machine',
    },
  },
  rate: {
    question: 'How many messages are there, and how long are they?',
    answers: {
      low: 'fewer than 1,000 messages a second',
      high: 'up to 100,000 messages a second',
      extreme: 'more than 100,000 messages a second, or the lowest latency',
      frames: 'large frames of 64 KiB and more: images, tensors, files',
    },
  },
} as const

export type QuestionName = keyof typeof QUESTIONS

type AnswersOf<Name extends QuestionName> = keyof (typeof QUESTIONS)[Name]['answers']

/** One answer to each question. */
export type Answers = { readonly [Name in QuestionName]: AnswersOf<Name> }

export const QUESTION_NAMES = Object.keys(QUESTIONS) as readonly QuestionName[]

/** The values that answer a question, in their order. */
export function answerNames(name: QuestionName): readonly string[] {
  return Object.keys(QUESTIONS[name].answers)
}

/** The meaning of an answer. */
export function answerText(name: QuestionName, answer: string): string {
  return (QUESTIONS[name].answers as Readonly<Record<string, string>>)[answer] ?? answer
}
