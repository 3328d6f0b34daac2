import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { addonFinding } from '../../../../src/cli/doctor/check-addon.js'
import { checkCopies } from '../../../../src/cli/doctor/check-copies.js'
import { lengthFindings } from '../../../../src/cli/doctor/check-directory.js'
import { checkEnvironment } from '../../../../src/cli/doctor/check-environment.js'
import { exchange, exchangeFinding, exchangeFix } from '../../../../src/cli/doctor/check-exchange.js'
import { checkLimits } from '../../../../src/cli/doctor/check-limits.js'
import { checkProcessors } from '../../../../src/cli/doctor/check-processors.js'
import { platformFinding, runtimeFinding } from '../../../../src/cli/doctor/check-runtime.js'
import { doctorReport } from '../../../../src/cli/doctor/doctor-report.js'
import type { HostSystem } from '../../../../src/cli/doctor/host-system.js'
import { temporaryDirectory } from '../../../support/temporary-directory.js'

const MIB = 2 ** 20
const LIMITS = `Limit                     Soft Limit           Hard Limit           Units
Max file size             unlimited            unlimited            bytes
Max open files            20000                20000                files
Max address space         unlimited            unlimited            bytes
`

function system(members: Partial<HostSystem> = {}, files: Readonly<Record<string, string>> = {}): HostSystem {
  return {
    platform: 'linux',
    env: {},
    readText: (path) => files[path],
    coresUsable: 4,
    coresInstalled: 4,
    loadAverage: 0.1,
    memoryLimitBytes: undefined,
    memoryLeftBytes: Number.POSITIVE_INFINITY,
    ...members,
  }
}

describe('the exchange', () => {
  it('rejects when the user has ended the command, which is not a problem', async () => {
    const aborted = exchange(temporaryDirectory(), { signal: AbortSignal.abort() })
    await expect(aborted).rejects.toMatchObject({ code: 'ERR_SHMWIRE_ABORTED' })
  })
})

describe('the processors', () => {
  it('are ok with two idle cores', () => {
    expect(checkProcessors(system())).toEqual([
      { check: 'cores', status: 'ok', text: '4 cores for both sides, load 0.1' },
    ])
  })

  it.each([
    [{ coresUsable: 1, coresInstalled: 8 }, /let the process use more of the 8 cores/],
    [{ coresUsable: 1, coresInstalled: 1 }, /second core, or pass wait: 'sleep'/],
    [{ loadAverage: 4 }, /stop other programs, add cores/],
  ])('have a note for %o', (members, fix) => {
    expect(checkProcessors(system(members))).toMatchObject([
      { check: 'cores', status: 'note', fix: expect.stringMatching(fix) },
    ])
  })

  it('have a note for the smallest quota of the groups around the process', () => {
    const files = {
      '/proc/self/cgroup': '0::/a/b\n',
      '/sys/fs/cgroup/a/b/cpu.max': 'max 100000\n',
      '/sys/fs/cgroup/a/cpu.max': '150000 100000\n',
    }
    expect(checkProcessors(system({}, files))[1]).toMatchObject({
      check: 'CPU quota',
      status: 'note',
      text: expect.stringMatching(/^1.5 cores of the control group: /),
    })
  })

  it('ignore a malformed quota', () => {
    const files = { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': 'x y z' }
    expect(checkProcessors(system({}, files))).toHaveLength(1)
  })

  it('have a note for a governor that saves power', () => {
    const path = '/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor'
    expect(checkProcessors(system({}, { [path]: 'powersave\n' }))[1]).toMatchObject({ status: 'note' })
    expect(checkProcessors(system({}, { [path]: 'performance\n' }))[1]).toMatchObject({ status: 'ok' })
  })
})

describe('the limits', () => {
  const withLimits = (limits: string, members: Partial<HostSystem> = {}) =>
    checkLimits(system(members, { '/proc/self/limits': limits }))

  it('are ok with many descriptors and memory without a limit', () => {
    expect(withLimits(LIMITS)).toEqual([
      { check: 'descriptors', status: 'ok', text: '20000 for each process: enough for about 6656 channels' },
      { check: 'memory', status: 'ok', text: 'the control group has no limit; /dev/shm is not used' },
    ])
  })

  it('have notes for few descriptors, little address space and little memory, and a problem for short files', () => {
    const limits = LIMITS.replace('20000 ', '32 ')
      .replace(/(Max file size +)unlimited/, '$11048576')
      .replace(/(Max address space +)unlimited/, '$11073741824')
    const findings = withLimits(limits, { memoryLimitBytes: 128 * MIB, memoryLeftBytes: 32 * MIB })
    expect(findings).toMatchObject([
      { check: 'descriptors', status: 'note', text: '32 for each process: enough for about 0 channels' },
      { check: 'address space', status: 'note', text: '1 GiB (ulimit -v): a channel maps 2.02 MiB' },
      { check: 'length of files', status: 'problem', text: expect.stringMatching(/^1 MiB /) },
      {
        check: 'memory',
        status: 'note',
        text: 'the control group has 128 MiB; a channel takes 72 KiB to 1.01 MiB of it on each side',
      },
    ])
  })

  it.each([
    [2 ** 20 + 2 ** 13 - 1, ['length of files']],
    [2 ** 20 + 2 ** 13, []],
  ])('compare the length of files with the whole ring, also before it grows: %i bytes', (bytes, problems) => {
    const findings = withLimits(LIMITS.replace(/(Max file size +)unlimited/, `$1${bytes}`))
    expect(findings.filter(({ status }) => status === 'problem').map(({ check }) => check)).toEqual(problems)
  })

  it('are not read where the system has no /proc', () => {
    expect(checkLimits(system({ platform: 'darwin' }))).toEqual([])
  })
})

describe('the environment', () => {
  it('lists the variables, and suggests names for unknown ones', () => {
    const env = {
      SHMWIRE_DIR: '/run/a\u001b',
      SHMWIRE_NO_ADON: '1',
      SHMWIRE_SPEED: '11',
      SHMWIRE_TEST_SEED: '1',
      PATH: '/bin',
    }
    expect(checkEnvironment(system({ env }))).toEqual([
      { check: 'environment', status: 'ok', text: String.raw`SHMWIRE_DIR=/run/a\u001b` },
      {
        check: 'environment',
        status: 'note',
        text: 'SHMWIRE_NO_ADON=1 has no effect',
        fix: 'rename it to SHMWIRE_NO_ADDON',
      },
      {
        check: 'environment',
        status: 'note',
        text: 'SHMWIRE_SPEED=11 has no effect',
        fix: 'unset it; the variables are SHMWIRE_ADDON, SHMWIRE_DIR, SHMWIRE_NO_ADDON',
      },
    ])
  })

  it('reports a container and a filter of system calls', () => {
    const files = { '/.dockerenv': '', '/proc/self/status': 'Name:\tnode\nSeccomp:\t2\n' }
    expect(checkEnvironment(system({}, files))[1]).toMatchObject({
      check: 'sandbox',
      text: expect.stringMatching(/^in a container, with a filter of system calls \(seccomp\); /),
    })
  })
})

describe('the runtime and the platform', () => {
  it('are ok from Node.js 20.19 and Linux 5.1', () => {
    expect(runtimeFinding('Node.js 20.19.0', '20.19.0').status).toBe('ok')
    expect(runtimeFinding('Bun 1.2.0', '18.0.0').status).toBe('ok')
    expect(platformFinding('linux-x64', 'Linux', '5.1.0').status).toBe('ok')
    expect(platformFinding('darwin-arm64', 'Darwin', '1.0').status).toBe('ok')
  })

  it('name the version that is needed', () => {
    expect(runtimeFinding('Node.js 20.18.3', '20.18.3')).toMatchObject({
      status: 'problem',
      fix: 'install Node.js 20.19 or newer',
    })
    expect(platformFinding('linux-x64', 'Linux', '4.19.0')).toMatchObject({
      status: 'note',
      fix: 'update the kernel to Linux 5.1 or newer',
    })
  })
})

describe('the addon', () => {
  it.each([
    [{ SHMWIRE_NO_ADDON: '1' }, 'off', 'unset SHMWIRE_NO_ADDON'],
    [{ SHMWIRE_ADDON: '/x.node' }, 'absent', /^unset SHMWIRE_ADDON, or set it/],
    [{}, '/a.node does not load; start node with --allow-addons', 'start node with --allow-addons'],
    [{}, 'no native addon', /^run 'npx shmwire build'/],
  ])('has a fix with %o for: %s', (env, unavailable, fix) => {
    expect(addonFinding({ unavailable }, env)).toMatchObject({
      status: 'problem',
      text: unavailable,
      fix: expect.stringMatching(fix),
    })
  })
})

describe('the exchange', () => {
  it.each([
    ['the server has no shared memory: memfd_create failed: Operation not permitted (EPERM)', /seccomp/],
    ['the client has no shared memory: ftruncate failed: EFBIG', /ulimit -f/],
    ['mmap failed: ENOMEM', /memory limit/],
    ['cannot create a socket: Too many open files', /ulimit -n/],
    ['cannot reserve it (fallocate): Function not implemented', /seccomp/],
    ['the event loop of this runtime does not report a doorbell', /docs\/runtimes.md/],
    ['the handshake took longer than timeoutMs: 1', /--timeout/],
    ['something new', /docs\/platforms.md/],
  ])('has a fix for: %s', (reason, fix) => {
    expect(exchangeFix(reason)).toMatch(fix)
  })

  it('is a problem over the socket, or without an answer', () => {
    const over = { transport: 'unix', fallbackReason: 'something new', medianNanos: 50_000 }
    expect(exchangeFinding(over)).toMatchObject({
      status: 'problem',
      text: 'two processes exchange messages over the socket (unix, 50.0 µs for a round trip): something new',
    })
    expect(exchangeFinding({ error: 'gone' }).status).toBe('problem')
    expect(exchangeFinding({ ...over, transport: 'shm', fallbackReason: undefined }).status).toBe('ok')
  })
})

describe('the path of the directory', () => {
  it('is ok if the longest names fit, and a problem if none fits', () => {
    expect(lengthFindings('/run/user/1000')).toEqual([])
    expect(lengthFindings(`/${'d'.repeat(40)}`)).toMatchObject([{ status: 'ok' }])
    expect(lengthFindings(`/${'d'.repeat(75)}`)).toMatchObject([{ status: 'note' }])
    expect(lengthFindings(`/${'d'.repeat(100)}`)).toMatchObject([{ status: 'problem' }])
  })
})

describe('copies of the package', () => {
  function install(folder: string, version: string): string {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ version }))
    return folder
  }

  it('are ok if there is one', () => {
    const root = temporaryDirectory()
    const own = install(join(root, 'node_modules/shmwire'), '1.0.0')
    expect(checkCopies(own, join(root, 'src'))).toEqual({
      check: 'package',
      status: 'ok',
      text: `shmwire 1.0.0 in ${own}`,
    })
  })

  it('are listed if packages have their own, also scoped ones', () => {
    const root = temporaryDirectory()
    const own = install(join(root, 'node_modules/shmwire'), '1.0.0')
    const nested = install(join(root, 'node_modules/@scope/tool/node_modules/shmwire'), '0.9.0')
    const finding = checkCopies(own, root)
    expect(finding).toMatchObject({ status: 'note', fix: expect.stringContaining('npm ls shmwire') })
    expect(finding.text).toContain(`other copies: 0.9.0 in ${nested}`)
  })
})

describe('the report', () => {
  it('aligns the lines, and puts each fix below its line', () => {
    const text = doctorReport(
      [
        { check: 'a', status: 'ok', text: 'fine' },
        { check: 'long', status: 'note', text: 'slow', fix: 'do this' },
        { check: 'b', status: 'problem', text: 'broken', fix: 'do that' },
      ],
      { style: (_format, styled) => styled, columns: undefined },
    )
    expect(text).toBe(
      [
        'ok       a     fine',
        'note     long  slow',
        '               fix: do this',
        'problem  b     broken',
        '               fix: do that',
        '',
        '1 problem, 1 note.',
        '',
      ].join('\n'),
    )
  })
})
