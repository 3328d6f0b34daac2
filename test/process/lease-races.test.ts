// Several processes claim the same address while some of them are killed.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { probe } from '../../src/control/server-files.js'
import { ErrorCode } from '../../src/errors.js'
import { bundle } from '../support/bundle.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

it('grants an address to exactly one of eight processes among the files of killed ones', async () => {
  const directory = temporaryDirectory()
  const file = await bundle('lease-candidate', directory)
  const sockets = join(directory, 's')
  mkdirSync(sockets)
  const path = join(sockets, 'a.sock')
  const processes = await Promise.all(Array.from({ length: 8 }, () => start(file)))
  try {
    for (let round = 0; round < 30; round += 1) {
      const outcomes = await Promise.all(processes.map((process) => ask(process, { path })))
      expect(outcomes.filter((outcome) => outcome === ErrorCode.NAME_IN_USE)).toHaveLength(7)
      const winner = outcomes.indexOf('won')
      expect(winner).not.toBe(-1)
      expect(await probe(path)).toBe('alive')
      if (round % 3 === 0) await ask(processes[winner] as ChildProcess, 'release')
      else processes[winner] = await restart(processes[winner] as ChildProcess, file)

      // One process is killed during its attempt. Two processes must never win.
      const victim = round % processes.length
      const answers = processes.map((process) => ask(process, { path }))
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 4))
      processes[victim] = await restart(processes[victim] as ChildProcess, file)
      const survivors = (await Promise.all(answers)).map((answer, index) =>
        index === victim ? 'killed' : answer,
      )
      expect(survivors.filter((answer) => answer === 'won').length).toBeLessThanOrEqual(1)
      const second = survivors.indexOf('won')
      if (second !== -1) processes[second] = await restart(processes[second] as ChildProcess, file)
    }
    const last = await Promise.all(processes.map((process) => ask(process, { path })))
    await ask(processes[last.indexOf('won')] as ChildProcess, 'release')
    expect(readdirSync(sockets)).toEqual([])
  } finally {
    for (const process of processes) process.kill('SIGKILL')
    rmSync(sockets, { recursive: true })
  }
})

async function start(file: string): Promise<ChildProcess> {
  const child = fork(file, { execArgv: [] })
  await once(child, 'message')
  return child
}

async function restart(child: ChildProcess, file: string): Promise<ChildProcess> {
  child.kill('SIGKILL')
  await once(child, 'exit')
  return start(file)
}

function ask(child: ChildProcess, command: { path: string } | 'release'): Promise<string> {
  return new Promise((resolve) => {
    const settle = (outcome: string): void => {
      child.off('message', answered)
      child.off('exit', killed)
      resolve(outcome)
    }
    const answered = (message: { outcome: string }): void => settle(message.outcome)
    const killed = (): void => settle('killed')
    child.on('message', answered)
    child.on('exit', killed)
    child.send(command, () => {})
  })
}
