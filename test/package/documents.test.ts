import { once } from 'node:events'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import { ensureBuilt } from '../support/build.js'
import { Authority } from '../support/certificates.js'
import { type Block, blocksOf, packageFolder, ROOT, readDocument, runBlock } from '../support/documents.js'

const DOCUMENTS = [
  'README.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter(isMarkdown)
    .map((name) => `docs/${name}`),
]
const README_LINES_MAX = 150
const RECIPE_LINES_MAX = 12

const blocks = DOCUMENTS.flatMap(blocksOf)
const runnable = blocks.filter(({ label }) => label === 'runnable')

beforeAll(() => ensureBuilt())

describe('the code in the documents', () => {
  it('runs in the tests, except examples for other packages', () => {
    const rest = blocks
      // test/package/proto.test.ts runs the programs of docs/proto.md and docs/grpc.md. Those of docs/nats.md need nats-server.
      .filter(({ label, place }) => label !== 'runnable' && !/^docs\/(?:grpc|nats|proto)\.md/.test(place))
      .map(({ place, label }) => `${place} ${label}`)
    expect(rest).toEqual([
      expect.stringMatching(/^README\.md:\d+ server\.mjs$/),
      expect.stringMatching(/^README\.md:\d+ client\.mjs$/),
      expect.stringMatching(/^README\.md:\d+ service\.mjs$/),
      expect.stringMatching(/^README\.md:\d+ caller\.mjs$/),
      // The code of other packages.
      expect.stringMatching(/^docs\/coming-from\.md:\d+ $/),
      expect.stringMatching(/^docs\/coming-from\.md:\d+ $/),
      // It needs the SDK for Node.js.
      expect.stringMatching(/^docs\/otel\.md:\d+ telemetry\.mjs$/),
      expect.stringMatching(/^docs\/tunnels\.md:\d+ gateway\.mjs$/),
      expect.stringMatching(/^docs\/tunnels\.md:\d+ client\.mjs$/),
    ])
    for (const document of ['docs/adapters.md', 'docs/guide.md', 'docs/recipes.md'])
      expect(runnable.filter(({ place }) => place.startsWith(document)).length).toBeGreaterThanOrEqual(10)
  })

  it('states its output', () => {
    expect(runnable.filter(({ prints }) => prints.length === 0)).toEqual([])
  })

  it.concurrent.each(runnable)('prints the stated output: $place', async (block) => {
    const { ended } = runBlock(packageFolder(block), block)
    expect(await ended).toEqual({ code: 0, stderr: '', lines: block.prints })
  })
})

describe('the README', () => {
  it('does not exceed its maximum length', () => {
    expect(readDocument('README.md').split('\n').length).toBeLessThanOrEqual(README_LINES_MAX)
  })

  it.each([
    ['a server and a client that exchange messages', 'server.mjs', 'client.mjs', 'prices'],
    ['a service and its caller', 'service.mjs', 'caller.mjs', 'users'],
  ])('begins with %s', async (_what, first, second, name) => {
    const serverBlock = find(first)
    const folder = packageFolder(serverBlock)
    const server = runBlock(folder, serverBlock)
    try {
      while (!existsSync(join(folder, `run/${name}.sock`))) {
        expect(server.running(), 'the server ended').toBe(true)
        await sleep(5)
      }
      const block = find(second)
      expect(await runBlock(folder, block).ended).toEqual({ code: 0, stderr: '', lines: block.prints })
    } finally {
      server.kill()
      await server.ended
    }
  })
})

describe('docs/tunnels.md', () => {
  it('has a gateway and a client on other machines', async () => {
    const authority = new Authority()
    const port = await freePort()
    const program = (name: string): [folder: string, block: Block] => {
      const block = find(name, 'docs/tunnels.md')
      const code = block.code
        .replace('0.0.0.0:443', `127.0.0.1:${port}`)
        .replace('gateway.example:443', `localhost:${port}`)
      // Folders of their own, like machines: a client of the same runtime directory would connect to the server itself.
      const folder = packageFolder(block)
      const { ca, cert, key } = authority.sign('localhost')
      for (const [file, text] of [
        ['ca', ca],
        ['cert', cert],
        ['key', key],
      ] as const)
        writeFileSync(join(folder, `${file}.pem`), text)
      return [folder, { ...block, code }]
    }
    const [gatewayFolder, gatewayBlock] = program('gateway.mjs')
    const code = `import { listen } from 'shmwire'
      const server = await listen('prices')
      server.on('channel', (channel) => channel.handle((symbol) => symbol + ': 42'))
      await import('./gateway.mjs')`
    writeFileSync(join(gatewayFolder, 'gateway.mjs'), gatewayBlock.code)
    const gateway = runBlock(gatewayFolder, { ...gatewayBlock, label: 'server.mjs', code })
    try {
      const [clientFolder, block] = program('client.mjs')
      while (!(await isListening(port))) {
        expect(gateway.running(), 'the gateway ended').toBe(true)
        await sleep(5)
      }
      expect(await runBlock(clientFolder, block).ended).toEqual({ code: 0, stderr: '', lines: block.prints })
    } finally {
      gateway.kill()
      await gateway.ended
      authority.remove()
    }
  })
})

describe('docs/recipes.md', () => {
  it(`has at most ${RECIPE_LINES_MAX} lines of code in each recipe`, () => {
    const long = blocksOf('docs/recipes.md').filter(
      ({ code }) => code.trimEnd().split('\n').length > RECIPE_LINES_MAX,
    )
    expect(long.map(({ place }) => place)).toEqual([])
  })
})

function isMarkdown(name: string): boolean {
  return name.endsWith('.md')
}

function find(label: string, document = 'README.md'): Block {
  const block = blocks.find((one) => one.label === label && one.place.startsWith(document))
  if (block === undefined) throw new Error(`${document} has no block ${label}`)
  return block
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
