import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { advise } from '../../../../src/cli/choose/advise.js'
import { type Answers, answerNames, QUESTION_NAMES } from '../../../../src/cli/choose/questions.js'
import { runCommand } from '../../../../src/cli/run-command.js'
import { commandIo } from '../../../support/command-io.js'

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url))

const SIMPLE: Answers = {
  machines: 'same',
  language: 'javascript',
  receivers: 'callee',
  durability: 'none',
  rate: 'high',
}

function everyAnswers(): Answers[] {
  return QUESTION_NAMES.reduce<Record<string, string>[]>(
    (lists, name) =>
      lists.flatMap((list) => answerNames(name).map((answer) => ({ ...list, [name]: answer }))),
    [{}],
  ) as unknown as Answers[]
}

describe('advise', () => {
  it.each([
    [{}, 'a service', /^shared memory: a name/, undefined],
    [{ receivers: 'peer' }, 'a channel', /^shared memory/, undefined],
    [{ receivers: 'subscribers' }, 'a topic', /^shared memory/, undefined],
    [{ receivers: 'readers' }, 'a cell', /^shared memory/, undefined],
    [{ receivers: 'worker' }, 'a queue', /^shared memory/, undefined],
    [{ receivers: 'worker', durability: 'crash' }, 'a queue with `store`', /^shared memory/, undefined],
    [{ receivers: 'subscribers', durability: 'crash' }, 'a topic over NATS JetStream', /NATS/, undefined],
    [{ durability: 'machine' }, 'a queue over NATS JetStream', /NATS/, undefined],
    [{ machines: 'several' }, 'a service', /^a tunnel/, /tunnels/],
    [{ language: 'polyglot' }, 'a service', /its gateway$/, /^the gRPC gateway$/],
    [
      { language: 'web', receivers: 'worker' },
      'a queue',
      /its gateway$/,
      /^the REST gateway, with a service in front of a queue$/,
    ],
    [
      { language: 'polyglot', durability: 'machine', receivers: 'worker' },
      'a queue over NATS JetStream',
      /NATS/,
      /clients of NATS/,
    ],
  ] as [Partial<Answers>, string, RegExp, RegExp | undefined][])(
    'leads from %o to %s',
    (answers, pattern, link, gateway) => {
      const advice = advise({ ...SIMPLE, ...answers })
      expect(advice.pattern.title).toBe(pattern)
      expect(advice.link.title).toMatch(link)
      if (gateway === undefined) expect(advice.gateway).toBe(undefined)
      else expect(advice.gateway?.title).toMatch(gateway)
    },
  )

  it('names existing documents and a hint for all answers', () => {
    const all = everyAnswers()
    expect(all).toHaveLength(2 * 3 * 5 * 3 * 4)
    for (const answers of all) {
      const { link, pattern, gateway, hints } = advise(answers)
      for (const choice of [link, pattern, ...(gateway === undefined ? [] : [gateway])])
        expect(existsSync(join(ROOT, choice.document)), JSON.stringify(answers)).toBe(true)
      expect(hints.length, JSON.stringify(answers)).toBeGreaterThan(0)
    }
  })
})

describe('the hints of advise', () => {
  const hintsFor = (answers: Partial<Answers>): string => advise({ ...SIMPLE, ...answers }).hints.join(' ')

  it.each([{ machines: 'several' }, { language: 'polyglot' }, { durability: 'machine' }] as const)(
    'name no option of shared memory for %o',
    (answers) => {
      expect(hintsFor({ ...answers, rate: 'low' })).not.toContain('sleep')
      expect(hintsFor({ ...answers, rate: 'high' })).not.toContain('core of its own')
    },
  )

  it('name the limit of the servers of NATS for frames', () => {
    expect(hintsFor({ durability: 'machine', rate: 'frames' })).toContain('max_payload, by default 1 MiB')
    expect(hintsFor({ machines: 'several', rate: 'frames' })).not.toContain('max_payload')
  })

  it('state that figures of patterns are of shared memory when there is another link', () => {
    expect(advise({ ...SIMPLE, machines: 'several' }).pattern.why).toContain('; over shared memory, a call')
    expect(advise(SIMPLE).pattern.why).not.toContain('over shared memory')
  })
})

describe('shmwire choose at a terminal', () => {
  it('asks the questions without an option, and again after a wrong answer', async () => {
    const typed = ['', 'subscribers', '7', '2']
    const prompts: string[] = []
    let closed = false
    const io = commandIo({
      openPrompt: () => ({
        question: (prompt) => {
          prompts.push(prompt)
          return Promise.resolve(typed.shift() ?? '')
        },
        close: () => {
          closed = true
        },
      }),
    })
    expect(await runCommand(['choose', '--rate', 'low', '--durability', 'none'], io)).toBe(0)
    expect(prompts).toEqual(['1 to 2 [1]: ', '1 to 3 [1]: ', '1 to 3 [1]: ', '1 to 3 [1]: ', '1 to 5 [1]: '])
    expect(io.written.out).toContain("'subscribers' is not one of these; type a number from 1 to 3\n")
    expect(io.written.out).toMatch(/\npattern +a service\n/)
    expect(closed).toBe(true)
  })

  it('takes the name of an answer, and the first one for an empty line', async () => {
    const typed = ['several', '', 'worker', 'machine', '']
    const io = commandIo({
      openPrompt: () => ({ question: () => Promise.resolve(typed.shift() ?? ''), close: () => {} }),
    })
    expect(await runCommand(['choose', '--json'], io)).toBe(0)
    const line = io.written.out.trimEnd().split('\n').at(-1) ?? ''
    expect(JSON.parse(line).answers).toEqual({
      machines: 'several',
      language: 'javascript',
      receivers: 'worker',
      durability: 'machine',
      rate: 'low',
    })
  })
})
