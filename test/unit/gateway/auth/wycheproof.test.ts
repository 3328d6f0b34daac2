import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ErrorCode, ShmwireError } from '../../../../src/errors.js'
import { type Algorithms, checkAlgorithms } from '../../../../src/gateway/auth/algorithms.js'
import { verifyCompact } from '../../../../src/gateway/auth/compact-jws.js'
import { KeySet } from '../../../../src/gateway/auth/key-set.js'

interface Vector {
  readonly tcId: number
  readonly comment: string
  readonly jws: string
  readonly result: 'valid' | 'invalid'
}

interface Group {
  readonly comment: string
  readonly public?: object
  readonly private: object
  readonly tests: readonly Vector[]
}

/** Vectors that this project judges differently, and why. */
const EXCEPTIONS: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  json_web_signature_test: {
    346: 'valid: the token has PS384, and its key the alg PS256. A key may only be used with its own alg (as vector 19 of the keys demands)',
    347: 'valid: the token has ES512, and its key the alg ES521, which does not exist; see 346',
    350: 'valid: as 346',
    351: 'valid: as 347',
    367: 'invalid: it has no padding, and is the same text as 357, which is valid',
    370: 'invalid: as 367',
    372: 'valid: it has a question mark, which base64url does not have (RFC 7515, 2)',
    373: 'valid: as 372',
  },
  json_web_key_test: {},
}

const SYMMETRIC = checkAlgorithms(['HS256', 'HS384', 'HS512'])
const ASYMMETRIC = checkAlgorithms()

const groupsOf = (file: string): readonly Group[] => {
  const path = new URL(`../../../vectors/wycheproof/${file}.json`, import.meta.url)
  return (JSON.parse(readFileSync(path, 'utf8')) as { testGroups: readonly Group[] }).testGroups
}

/** Whether the token passes with the keys and these algorithms, which are as many as a program can accept. */
async function passes(jws: string, keys: unknown, algorithms: Algorithms, remote: boolean): Promise<boolean> {
  try {
    const set = remote ? KeySet.remote(keys, algorithms) : KeySet.local(keys, algorithms)
    await verifyCompact(
      jws,
      { algorithms, type: undefined },
      { find: (header) => set?.find(header.algorithm, header.keyId) },
    )
    return true
  } catch (error) {
    // No other error is a refusal.
    const { status, code } = error as ShmwireError
    if (!(error instanceof ShmwireError)) throw error
    expect([status, code]).toContain(status === 'UNAUTHENTICATED' ? status : ErrorCode.INVALID_ARGUMENT)
    return false
  }
}

describe.each(Object.keys(EXCEPTIONS))('the vectors of Wycheproof in %s', (file) => {
  const groups = groupsOf(file)
  const exceptions = EXCEPTIONS[file] ?? {}

  it('are complete', () => {
    const count = groups.reduce((sum, { tests }) => sum + tests.length, 0)
    expect(count).toBe(file === 'json_web_key_test' ? 26 : 401)
  })

  it.each(groups.map((group, index) => [`${index} ${group.comment}`, group] as const))(
    'of the group %s pass and fail as stated',
    async (_name, group) => {
      const given = group.public ?? group.private
      const keys = 'keys' in given ? given : { keys: [given] }
      for (const { tcId, comment, jws, result } of group.tests) {
        const local = [await passes(jws, keys, SYMMETRIC, false), await passes(jws, keys, ASYMMETRIC, false)]
        const remote = await passes(jws, keys, ASYMMETRIC, true)
        const expected = (result === 'valid') !== tcId in exceptions
        expect({ tcId, comment, passes: local.includes(true) }).toEqual({ tcId, comment, passes: expected })
        // An issuer publishes no secrets.
        expect({ tcId, comment, remote }).toEqual({ tcId, comment, remote: local[1] })
      }
    },
  )

  it('with an exception differ from their stated result', () => {
    const all = new Map(groups.flatMap(({ tests }) => tests.map((vector) => [vector.tcId, vector])))
    for (const [tcId, reason] of Object.entries(exceptions))
      expect(reason).toMatch(new RegExp(`^${all.get(Number(tcId))?.result}: `))
    if (file === 'json_web_signature_test')
      expect([all.get(367)?.jws, all.get(370)?.jws]).toEqual([all.get(357)?.jws, all.get(357)?.jws])
  })
})
