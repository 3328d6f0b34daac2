import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { root } from '../stages/command.mjs'

/** The servers of the README, with the names that they listen on, and the clients of each. */
const PROGRAMS = [
  { server: 'server.mjs', name: 'prices', clients: ['client.mjs', 'transport.mjs'] },
  { server: 'service.mjs', name: 'users', clients: ['caller.mjs'] },
]
const DEADLINE_MS = 60_000
const DEMO_MS_MAX = 120_000

/** The folders of the repository that examples/first-run imports, and itself. */
const DEMO = ['examples/first-run', 'bench/support', 'bench/scenarios', 'bench/baselines']

/**
 * Runs the programs of the README on a machine where the package is installed. `node` are the words before the file of a program. Returns the
 * faults, for example a first message that did not go over shared memory.
 */
export async function runReadme(machine, node) {
  const faults = []
  const outputs = writePrograms(machine.app)
  for (const { server, name, clients } of PROGRAMS) {
    const running = startServer(machine, [...node, server])
    try {
      await untilListening(running, join(machine.env.SHMWIRE_DIR, `${name}.sock`))
      for (const client of clients) {
        const { output } = await machine.run([...node, client])
        if (output.trim() !== outputs[client])
          faults.push(`${client} printed:\n${output}\ninstead of:\n${outputs[client]}`)
      }
    } catch (error) {
      faults.push(`${server}: ${error.message}`)
    } finally {
      await running.kill()
    }
  }
  return faults
}

/** Runs `npm run demo` of the README, which measures for 15 seconds. Returns the faults. */
export async function runDemo(machine, node) {
  for (const folder of DEMO) cpSync(join(root, folder), join(machine.app, folder), { recursive: true })
  // The measurements import the build of the repository. Here they get the installed package.
  mkdirSync(join(machine.app, 'dist'))
  writeFileSync(join(machine.app, 'dist/package.json'), '{"type":"module"}')
  writeFileSync(join(machine.app, 'dist/index.js'), "export * from 'shmwire'\n")
  const { ok, output } = await machine.run([...node, 'examples/first-run/demo.mjs'], {
    timeoutMs: DEMO_MS_MAX,
  })
  const isShared = output.includes('through shared memory') && output.includes('received in order')
  return ok && isShared ? [] : [`the demo printed:\n${output}`]
}

/** Writes the programs to `folder`. Returns the output of each client. */
function writePrograms(folder) {
  const text = readFileSync(join(root, 'README.md'), 'utf8')
  const outputs = { 'transport.mjs': 'shm: the market is open' }
  for (const [, name, code] of text.matchAll(/^```js (\S+\.mjs)\n(.*?)^```$/gms)) {
    writeFileSync(join(folder, name), code)
    outputs[name] = [...code.matchAll(/\/\/ prints: (.*)$/gm)].map(([, line]) => line).join('\n')
  }
  cpSync(join(root, 'test/package/transport.mjs'), join(folder, 'transport.mjs'))
  return outputs
}

/** In a process group, because a package manager starts Node.js as its child. */
function startServer(machine, [command, ...args]) {
  const child = spawn(command, args, {
    cwd: machine.app,
    env: machine.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const running = { output: '', ended: false }
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      running.output += text
    })
  }
  child.on('error', (error) => {
    running.output += error.message
  })
  const closed = new Promise((resolve) => child.once('close', resolve)).then(() => {
    running.ended = true
  })
  running.kill = async () => {
    if (!running.ended && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    await closed
  }
  return running
}

async function untilListening(running, socket) {
  const endMs = performance.now() + DEADLINE_MS
  while (!existsSync(socket)) {
    if (running.ended) throw new Error(`it ended: ${running.output}`)
    if (performance.now() > endMs) throw new Error(`${socket} does not exist after ${DEADLINE_MS} ms`)
    await sleep(20)
  }
}
