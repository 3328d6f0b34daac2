// Measures what a gateway adds to a call: a server of grpc-js or Fastify with the handlers in its own process, against a gateway and a service.
// The client is h2load (package nghttp2-client), because a client in Node costs more than the server. The two setups run in turn, in pairs.
//   node bench/gateway/run.mjs [--pairs 9] [--seconds 3] [--only ROW] [--json FILE]
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { create, toBinary } from '@bufbuild/protobuf'
import { describeMachine } from '../support/machine.mjs'
import { Users } from './contract.mjs'

const SERVER = fileURLToPath(new URL('server.mjs', import.meta.url))
const CORES = { server: '0', rest: '1' }
const POLLING = { spinMicros: 300 }
const SLEEPING = { wait: 'sleep' }
const USER_PATH = '/api/v1/users/7'

/** Each row of the table. `pinned`: the gateway, or the server without one, has a core of its own. */
const ROWS = [
  { name: 'gRPC, 50 in flight', method: 'GetUser', inFlight: 50, pinned: true },
  { name: 'gRPC, 1 in flight, service polls', method: 'GetUser', inFlight: 1, channel: POLLING },
  { name: 'gRPC, 1 in flight, service sleeps', method: 'GetUser', inFlight: 1, channel: SLEEPING },
  { name: 'gRPC, stream of 1,000 items', method: 'StreamUsers', inFlight: 1 },
  { name: 'REST, 50 in flight', path: USER_PATH, inFlight: 50, pinned: true },
  { name: 'REST, 1 in flight, service polls', path: USER_PATH, inFlight: 1, channel: POLLING },
  { name: 'REST, 1 in flight, service sleeps', path: USER_PATH, inFlight: 1, channel: SLEEPING },
].map((row) => ({ ...row, protocol: row.path === undefined ? 'grpc' : 'rest' }))

const { values } = parseArgs({
  options: {
    pairs: { type: 'string', default: '9' },
    seconds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    json: { type: 'string' },
  },
})
const pairs = Number(values.pairs)
const seconds = Number(values.seconds)
const folder = mkdtempSync(join(tmpdir(), 'shmwire-gateway-'))
const machine = describeMachine(process.execPath)
console.log(`${machine.cpu}, ${machine.cores} cores, ${machine.kernel}, Node ${machine.node}`)
const results = []
for (const row of ROWS.filter(({ name }) => name.includes(values.only))) {
  results.push({ ...row, ...(await measureRow(row)) })
  console.log(report(results.at(-1)))
}
rmSync(folder, { recursive: true })
if (values.json !== undefined)
  writeFileSync(values.json, `${JSON.stringify({ machine, results }, null, 2)}\n`)

async function measureRow(row) {
  const direct = await startDirect(row)
  const through = await startGateway(row)
  const samples = { direct: [], through: [] }
  try {
    for (const setup of [direct, through]) await load(row, setup, 1)
    for (let pair = 0; pair < pairs; pair += 1) {
      samples.direct.push(await load(row, direct, seconds))
      samples.through.push(await load(row, through, seconds))
    }
  } finally {
    for (const { children } of [direct, through]) for (const child of children) child.stdin.end()
  }
  return samples
}

async function startDirect({ protocol, pinned }) {
  const server = await start(['direct', protocol], pinned ? CORES.server : undefined)
  return { port: Number(server.line), children: [server.child] }
}

async function startGateway({ protocol, pinned, channel = {} }) {
  const name = `gateway-bench-${process.pid}-${results.length}`
  const options = { SERVICE_CHANNEL: JSON.stringify(channel) }
  const service = await start(['service', protocol, name], pinned ? CORES.rest : undefined, options)
  const gateway = await start(['gateway', protocol, name], pinned ? CORES.server : undefined)
  return { port: Number(gateway.line), children: [service.child, gateway.child], gateway: gateway.child }
}

async function start(args, core, env = {}) {
  const command = [process.execPath, SERVER, ...args]
  const child = spawn(...withCore(command, core), {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  })
  for await (const line of createInterface({ input: child.stdout })) return { child, line }
  throw new Error(`${args.join(' ')} ended before it was ready`)
}

function withCore(command, core) {
  const [program, ...args] = core === undefined ? command : ['taskset', '-c', core, ...command]
  return [program, args]
}

/** One run of h2load. Microseconds; CPU of all processes of the setup, for each call. */
async function load(row, { port, children, gateway }, durationSeconds) {
  const { pinned } = row
  const log = join(folder, 'log.tsv')
  rmSync(log, { force: true })
  const [path, ...options] =
    row.path === undefined ? grpcRequest(row) : [row.path, '--h1', '-c', row.inFlight]
  const command = ['h2load', '--duration', durationSeconds, '--log-file', log, ...options].map(String)
  command.push(`http://127.0.0.1:${port}${path}`)
  const before = children.map(cpuMicros)
  await run(...withCore(command, pinned ? CORES.rest : undefined))
  const used = children.map((child, index) => cpuMicros(child) - before[index])
  const latencies = readFileSync(log, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split('\t').map(Number))
    .map(([, status, micros]) => {
      if (status !== 200) throw new Error(`a call ended with the status ${status}`)
      return micros
    })
    .toSorted((left, right) => left - right)
  const calls = latencies.length
  return {
    callsPerSecond: calls / durationSeconds,
    p50: latencies[Math.floor(calls / 2)],
    p99: latencies[Math.floor(calls * 0.99)],
    cpu: used.reduce((sum, micros) => sum + micros, 0) / calls,
    serverCpu: used[gateway === undefined ? 0 : children.indexOf(gateway)] / calls,
  }
}

/** The path of a call, and the options of h2load for it. */
function grpcRequest({ method, inFlight }) {
  const request = join(folder, 'request.bin')
  writeFileSync(request, frame(requestOf(method)))
  const headers = ['te: trailers', 'content-type: application/grpc'].flatMap((header) => ['-H', header])
  return [`/${Users.name}/${method}`, '-c', 1, '-m', inFlight, '-d', request, ...headers]
}

function requestOf(method) {
  const { descriptor } = Object.values(Users.methods).find((one) => one.descriptor.name === method)
  return toBinary(descriptor.input, create(descriptor.input, { id: 7n }))
}

/** A message of gRPC: its length, not compressed. */
function frame(message) {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

/** The time of all threads on a core. */
function cpuMicros({ pid }) {
  const folderOfTasks = `/proc/${pid}/task`
  const nanos = readdirSync(folderOfTasks).map((task) =>
    Number(readFileSync(join(folderOfTasks, task, 'schedstat'), 'utf8').split(' ')[0]),
  )
  return nanos.reduce((sum, one) => sum + one, 0) / 1000
}

function run(program, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] })
    child.once('error', reject)
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`${program} ended with ${code}`)),
    )
  })
}

function report({ name, direct, through }) {
  const ratio = (key) => median(through.map((sample, index) => sample[key] / direct[index][key]))
  const of = (samples, key) => median(samples.map((sample) => sample[key]))
  const figure = (key, digits = 0) =>
    `${of(direct, key).toFixed(digits)} → ${of(through, key).toFixed(digits)} (${ratio(key).toFixed(2)}×)`
  return [
    `${name}:`,
    `  calls/s       ${figure('callsPerSecond')}`,
    `  p50 µs        ${figure('p50')}`,
    `  p99 µs        ${figure('p99')}`,
    `  CPU µs/call   ${figure('cpu', 1)}; of the server or gateway ${figure('serverCpu', 1)}`,
  ].join('\n')
}

function median(numbers) {
  const sorted = numbers.toSorted((left, right) => left - right)
  return sorted[Math.floor(sorted.length / 2)]
}
