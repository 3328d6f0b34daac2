import { describe, expect, it } from 'vitest'
import { ErrorCode, ShmwireError } from '../../../../src/errors.js'
import { DeadLetters } from '../../../../src/messaging/queue/dead-letters.js'
import type { Job } from '../../../../src/messaging/queue/job.js'
import { waitFor } from '../../../support/wait-for.js'
import { newJob } from './table-fixture.js'

function dead(id: string): Job {
  return Object.assign(newJob(id), { state: 'dead', awaitsCopy: true })
}

/** Dead letters whose copies are those that `copy` accepts. */
function lettersOf(copy: (id: string) => Promise<unknown>) {
  const log: string[] = []
  const letters = new DeadLetters((job) => copy(job.id), {
    copied: (job) => {
      job.awaitsCopy = false
      log.push(`copied ${job.id}`)
    },
    notCopied: (job) => {
      job.awaitsCopy = false
      log.push(`kept ${job.id}`)
    },
    copiesFail: () => log.push('fails'),
  })
  return { letters, log }
}

describe('DeadLetters', () => {
  it.each([ErrorCode.INVALID_ARGUMENT, ErrorCode.CODEC, ErrorCode.MESSAGE_TOO_LARGE])(
    'keeps a job whose copy fails with %s, and continues at once',
    async (code) => {
      let tries = 0
      const { letters, log } = lettersOf(async (id) => {
        tries += 1
        if (id === 'poison') throw new ShmwireError(code, 'never')
      })
      letters.add(dead('poison'))
      letters.add(dead('good'))
      await waitFor(() => expect(log.toSorted()).toEqual(['copied good', 'kept poison']))
      await letters.stop()
      expect(tries).toBe(2)
    },
  )

  it('copies other jobs between the attempts for one that fails', async () => {
    const { letters, log } = lettersOf(async (id) => {
      if (id === 'bad') throw new Error('for a time')
    })
    letters.add(dead('bad'))
    await waitFor(() => expect(log).toEqual(['fails']))
    for (const id of ['a', 'b', 'c']) letters.add(dead(id))
    await waitFor(() =>
      expect(log.filter((line) => line !== 'fails')).toEqual(['copied a', 'copied b', 'copied c']),
    )
    await letters.stop()
  })

  it('copies a job later when the other queue is back', async () => {
    let absent = true
    const { letters, log } = lettersOf(async () => {
      if (absent) throw new Error('absent')
    })
    letters.add(dead('a'))
    await waitFor(() => expect(log).toEqual(['fails']))
    absent = false
    await waitFor(() => expect(log).toEqual(['fails', 'copied a']))
    await letters.stop()
  })

  it('stops twice, and waits for the copies that run', async () => {
    let end = (): void => {}
    const { letters, log } = lettersOf(
      () =>
        new Promise<void>((resolve) => {
          end = resolve
        }),
    )
    letters.add(dead('a'))
    const stopped = Promise.all([letters.stop(), letters.stop()])
    end()
    await stopped
    expect(log).toEqual(['copied a'])
  })
})
