import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/errors.js'
import { ensureBuilt } from '../support/build.js'
import { ROOT } from '../support/documents.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

interface Outcome {
  readonly code?: string
  readonly message?: string
  readonly transport?: string
  readonly fallbackReason?: string
  readonly reply?: string
  readonly names?: readonly string[]
}

type Outcomes = Record<'listen' | 'connect' | 'list' | 'watch', Outcome>

const PROGRAM = fileURLToPath(new URL('permission-model.mjs', import.meta.url))
const restrictsSockets = process.allowedNodeEnvironmentFlags.has('--allow-net')
const ALLOW_NET = restrictsSockets ? ['--allow-net'] : []
/** Node 20 has only the second. */
const SWITCH = process.allowedNodeEnvironmentFlags.has('--permission')
  ? '--permission'
  : '--experimental-permission'

let directory = ''

beforeAll(() => ensureBuilt())
beforeEach(() => {
  directory = temporaryDirectory()
})

async function run(...grants: readonly string[]): Promise<Outcomes> {
  const flags = ['--no-warnings', SWITCH, `--allow-fs-read=${ROOT}*`, ...grants]
  const env = { ...process.env, SHMWIRE_DIR: directory }
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, PROGRAM], { env })
  return JSON.parse(stdout) as Outcomes
}

const readFlag = () => `--allow-fs-read=${directory}/*`
const writeFlag = () => `--allow-fs-write=${directory}/*`
const flagsNamedBy = ({ message = '' }: Outcome): string[] =>
  message.split('start node with ')[1]?.split(' ') ?? []

describe("Node's permission model", () => {
  it('is DENIED with the flags to add, which then suffice', async () => {
    const { listen, connect } = await run()
    expect(listen).toMatchObject({ code: ErrorCode.DENIED })
    expect(connect).toMatchObject({ code: ErrorCode.DENIED })
    expect(flagsNamedBy(listen)).toEqual([readFlag(), writeFlag(), ...ALLOW_NET])
    expect(flagsNamedBy(connect)).toEqual([readFlag(), ...ALLOW_NET])
    const { listen: second, connect: channel } = await run(...flagsNamedBy(listen))
    expect(second).toEqual({})
    expect(channel).toMatchObject({ transport: 'unix', reply: 'hi!' })
  })

  it('names only what is missing, also when the directory does not exist yet', async () => {
    directory = `${directory}/new`
    const { listen } = await run(readFlag(), ...ALLOW_NET)
    expect(flagsNamedBy(listen)).toEqual([writeFlag()])
    expect(await run(readFlag(), writeFlag(), ...ALLOW_NET)).toMatchObject({ connect: { reply: 'hi!' } })
  })

  it('leaves no file behind when it refuses a server', async () => {
    mkdirSync(`${directory}/run`)
    directory = `${directory}/run`
    await run(readFlag(), ...ALLOW_NET)
    expect(readdirSync(directory)).toEqual([])
  })

  it('uses the socket without --allow-addons, names the flag, and shared memory with it', async () => {
    const grants = [readFlag(), writeFlag(), ...ALLOW_NET]
    const { connect } = await run(...grants)
    expect(connect.fallbackReason).toContain('start node with --allow-addons')
    expect(await run(...grants, '--allow-addons')).toMatchObject({
      connect: { transport: 'shm', reply: 'hi!' },
    })
  })

  it('is DENIED for a list and a watcher with the flags to add, which then suffice', async () => {
    const { list, watch } = await run()
    for (const outcome of [list, watch]) {
      expect(outcome).toMatchObject({ code: ErrorCode.DENIED })
      expect(flagsNamedBy(outcome)).toEqual([readFlag(), ...ALLOW_NET])
    }
    const names = { names: ['svc'] }
    expect(await run(readFlag(), writeFlag(), ...ALLOW_NET)).toMatchObject({ list: names, watch: names })
    expect(await run(readFlag(), ...ALLOW_NET)).toMatchObject({ list: { names: [] }, watch: { names: [] } })
  })

  it('is DENIED for a watcher of a missing directory that may not read the parent', async () => {
    directory = `${directory}/new`
    const { list, watch } = await run(readFlag(), ...ALLOW_NET)
    expect(list).toEqual({ names: [] })
    expect(watch).toMatchObject({
      code: ErrorCode.DENIED,
      message: expect.stringContaining('cannot be watched') as string,
    })
  })
})
