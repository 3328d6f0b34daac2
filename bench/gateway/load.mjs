// Measures the price of a gateway for a call: a server of grpc-js or Fastify with the handlers in its own process, against a gateway and a service.
// The client is h2load (package nghttp2-client), because a client in Node costs more than the server.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { create, toBinary } from '@bufbuild/protobuf'
import { cpuMicros } from '../support/cpu-time.mjs'
import { figuresOf, percentiles } from '../support/figures.mjs'
import { Users } from './contract.mjs'

const SERVER = fileURLToPath(new URL('server.mjs', import.meta.url))
/** With `apart`, the gateway, or the server without one, has a core of its own. */
const CORES = { server: '0', others: '1' }
const USER_PATH = '/api/v1/users/7'

/** A server with the handlers in its own process. */
export function direct(protocol, options) {
  return measure(protocol, startDirect, options)
}

/** A gateway, and a service behind it. */
export function throughGateway(protocol, options) {
  return measure(protocol, startGateway, options)
}

async function measure(protocol, startSetup, options) {
  const folder = mkdtempSync(join(tmpdir(), 'shmwire-gateway-'))
  const { port, children } = await startSetup(protocol, options)
  try {
    const target = { protocol, port, folder, options }
    await load(target, options.warmUpMs)
    const before = children.map(({ pid }) => cpuMicros(pid))
    const latencies = await load(target, options.durationMs)
    const [client, server] = serverLast(children.map(({ pid }, index) => cpuMicros(pid) - before[index]))
    return figuresOf({
      messages: latencies.length,
      seconds: options.durationMs / 1000,
      latencyNanos: percentiles(latencies),
      cpuSeconds: { client: client / 1e6, server: server / 1e6 },
    })
  } finally {
    for (const child of children) child.stdin.end()
    rmSync(folder, { recursive: true })
  }
}

/** The time of the service, and that of the gateway or of the only server. */
function serverLast(micros) {
  return [micros.length > 1 ? micros[0] : 0, micros.at(-1)]
}

async function startDirect(protocol, { apart }) {
  const server = await start(['direct', protocol], apart ? CORES.server : undefined)
  return { port: Number(server.line), children: [server.child] }
}

async function startGateway(protocol, { apart, channel = {} }) {
  const name = `gateway-bench-${process.pid}`
  const env = { SERVICE_CHANNEL: JSON.stringify(channel) }
  const service = await start(['service', protocol, name], apart ? CORES.others : undefined, env)
  const gateway = await start(['gateway', protocol, name], apart ? CORES.server : undefined)
  return { port: Number(gateway.line), children: [service.child, gateway.child] }
}

async function start(args, core, env = {}) {
  const [program, ...rest] = withCore([process.execPath, SERVER, ...args], core)
  const child = spawn(program, rest, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env } })
  for await (const line of createInterface({ input: child.stdout })) return { child, line }
  throw new Error(`${args.join(' ')} ended before it was ready`)
}

function withCore(command, core) {
  return core === undefined ? command : ['taskset', '-c', core, ...command]
}

/** One run of h2load. Resolves to the nanoseconds of each call. */
async function load({ protocol, port, folder, options }, durationMs) {
  const log = join(folder, 'log.tsv')
  rmSync(log, { force: true })
  const { apart, inFlight, method } = options
  const [path, ...request] =
    protocol === 'grpc' ? grpcRequest(folder, method, inFlight) : [USER_PATH, '--h1', '-c', inFlight]
  const args = ['--duration', `${durationMs}ms`, '--log-file', log, ...request]
  const url = `http://127.0.0.1:${port}${path}`
  await run(withCore(['h2load', ...args.map(String), url], apart ? CORES.others : undefined))
  return readFileSync(log, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split('\t').map(Number))
    .map(([, status, micros]) => {
      if (status !== 200) throw new Error(`a call ended with the status ${status}`)
      return micros * 1000
    })
}

/** The path of a call, and the options of h2load for it. */
function grpcRequest(folder, method, inFlight) {
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

function run([program, ...args]) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] })
    child.once('error', reject)
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`${program} ended with ${code}`)),
    )
  })
}
