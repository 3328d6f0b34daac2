import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { checkMayConnect, checkMayDiscover, checkMayListen } from '../../../src/control/permission-model.js'
import { ErrorCode } from '../../../src/errors.js'

const PATH = '/run/services/a.sock'
const flags = new Set<string>()

beforeEach(() => {
  flags.add('--allow-net')
  vi.spyOn(process, 'allowedNodeEnvironmentFlags', 'get').mockReturnValue(flags)
})

afterEach(() => {
  vi.restoreAllMocks()
  Reflect.deleteProperty(process, 'permission')
})

/** As if Node was started with --permission and these grants: a scope, or a scope and a path that can end in `*`. */
function grant(...grants: readonly string[]): void {
  const has = (scope: string, file?: string): boolean =>
    grants.some((one) => {
      const [granted, pattern] = one.split('=')
      if (granted !== scope) return false
      if (pattern === undefined || file === undefined) return pattern === file
      if (!pattern.endsWith('*')) return file === pattern
      return file.startsWith(pattern.slice(0, -1)) || file === pattern.slice(0, -2)
    })
  Object.defineProperty(process, 'permission', { configurable: true, value: { has } })
}

function refusal(check: () => void): unknown {
  try {
    check()
  } catch (error) {
    return error
  }
  return undefined
}

describe("Node's permission model", () => {
  it('allows everything when it is off', () => {
    expect(refusal(() => checkMayListen(PATH))).toBeUndefined()
    expect(refusal(() => checkMayConnect(PATH, '/run/services'))).toBeUndefined()
  })

  it('names each flag that a server lacks', () => {
    grant()
    expect(refusal(() => checkMayListen(PATH))).toMatchObject({
      code: ErrorCode.DENIED,
      message: `Node's permission model does not let this process listen at ${PATH}; start node with --allow-fs-read=/run/services/* --allow-fs-write=/run/services/* --allow-net`,
    })
    grant('fs.read=/run/*', 'net')
    expect(refusal(() => checkMayListen(PATH))).toMatchObject({
      message: expect.stringMatching(/start node with --allow-fs-write=\/run\/services\/\*$/) as string,
    })
  })

  it.each([
    ['only the published socket may be written', ['fs.read=/run/*', `fs.write=${PATH}`]],
    ['the directory cannot be listed', [`fs.read=${PATH}*`, `fs.write=${PATH}*`]],
  ])('refuses a server if %s', (_what, grants) => {
    grant('net', ...grants)
    expect(refusal(() => checkMayListen(PATH))).toMatchObject({ code: ErrorCode.DENIED })
  })

  it('accepts a server that may write only its own files', () => {
    grant('net', 'fs.read=/run/services', `fs.read=${PATH}*`, `fs.write=${PATH}*`)
    expect(refusal(() => checkMayListen(PATH))).toBeUndefined()
  })

  it('asks nothing but the network of a client with an explicit path', () => {
    grant('net')
    expect(refusal(() => checkMayConnect(PATH, undefined))).toBeUndefined()
    expect(refusal(() => checkMayConnect(PATH, '/run/services'))).toMatchObject({
      code: ErrorCode.DENIED,
      message: `Node's permission model does not let this process connect to ${PATH}; start node with --allow-fs-read=/run/services/*`,
    })
  })

  it('names the network to a client, in versions of Node that restrict it', () => {
    grant('fs.read=/run/*')
    expect(refusal(() => checkMayConnect(PATH, '/run/services'))).toMatchObject({
      message: expect.stringMatching(/start node with --allow-net$/) as string,
    })
    flags.clear()
    expect(refusal(() => checkMayConnect(PATH, '/run/services'))).toBeUndefined()
  })

  it('names each flag that a list of servers lacks', () => {
    const check = (): void => checkMayDiscover('/run/services')
    expect(refusal(check)).toBeUndefined()
    grant()
    expect(refusal(check)).toMatchObject({
      code: ErrorCode.DENIED,
      message: `Node's permission model does not let this process list the servers in /run/services; start node with --allow-fs-read=/run/services/* --allow-net`,
    })
    grant('net', 'fs.read=/run/services')
    expect(refusal(check)).toMatchObject({
      message: expect.stringMatching(/start node with --allow-fs-read=\/run\/services\/\*$/) as string,
    })
    grant('net', 'fs.read=/run/*')
    expect(refusal(check)).toBeUndefined()
  })
})
