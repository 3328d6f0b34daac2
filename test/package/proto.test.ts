import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { ensureBuilt } from '../support/build.js'
import { blocksOf, ROOT, readDocument, runBlock } from '../support/documents.js'
import { INTEROP_DESCRIPTORS } from '../support/interop-server.js'
import { TEST_DESCRIPTORS } from '../support/proto-files.js'
import { longDirectory } from '../support/temporary-directory.js'

const DOCUMENT = 'docs/proto.md'
const BIN = join(ROOT, 'node_modules/.bin')

/** The programs of docs/grpc.md use the same files. */
const programs = [...blocksOf(DOCUMENT), ...blocksOf('docs/grpc.md')]
let folder: string

beforeAll(() => {
  ensureBuilt()
  folder = projectFolder()
  runCommands(folder, 'buf')
})

describe('docs/proto.md and docs/grpc.md', () => {
  // One after the other: they serve the same names in one folder.
  it.each(programs)('prints the stated output: $place', async (block) => {
    expect(block.prints).not.toEqual([])
    const { ended } = runBlock(folder, block)
    expect(await ended).toEqual({ code: 0, stderr: '', lines: block.prints })
  })

  it('has commands of protoc that write the same files', () => {
    const other = projectFolder()
    runCommands(other, 'protoc')
    for (const file of ['gen/user/v1/users_pb.js', 'gen/user/v1/users_pb.d.ts', 'gen/google/api/http_pb.js'])
      expect(readFileSync(join(other, file), 'utf8')).toBe(readFileSync(join(folder, file), 'utf8'))
    expect(existsSync(join(other, 'users.binpb'))).toBe(true)
  })

  it('has files of googleapis that buf does not lint', () => {
    const { stdout } = run(folder, ['buf', 'lint'])
    expect(stdout).toBe('')
  })
})

describe('shmwire/proto', () => {
  it('gives the types of the generated code to handlers and callers', () => {
    cpSync(join(ROOT, 'test/package/proto-types.mts'), join(folder, 'types.mts'))
    const options = [
      '--module',
      'nodenext',
      '--target',
      'es2023',
      '--lib',
      'es2023,esnext.disposable',
      '--types',
      'node',
    ]
    // A library that exports its contract needs names for all types.
    const flags = ['--strict', '--skipLibCheck', '--declaration', '--outDir', 'types']
    const { status, stdout } = run(folder, ['tsc', ...options, ...flags, 'types.mts'])
    expect(stdout).toBe('')
    expect(status).toBe(0)
  })

  it('gives the same hash to generated code and to a descriptor set', async () => {
    const code = `
      import { loadContracts, protoContract } from 'shmwire/proto'
      import { UserService } from './gen/user/v1/users_pb.js'
      const loaded = await loadContracts('users.binpb')
      console.log(protoContract(UserService).hash === loaded.get('user.v1.UserService').hash)`
    const { ended } = runBlock(folder, { place: '', label: 'hash.mjs', code, prints: [] })
    expect(await ended).toEqual({ code: 0, stderr: '', lines: ['true'] })
  })

  it.each([
    ['proto', TEST_DESCRIPTORS],
    ['grpc-testing', INTEROP_DESCRIPTORS],
  ])('has tests with the descriptors of the current files in test/support/%s', (name, descriptors) => {
    const config = `test/support/${name}/buf.yaml`
    const flags = ['--config', config, '--exclude-source-info', '-o', '-#format=binpb']
    const { stdout } = spawnSync(join(BIN, 'buf'), ['build', ...flags], { cwd: ROOT })
    expect(Buffer.compare(stdout, readFileSync(descriptors))).toBe(0)
  })
})

/** A folder with the files of the document, and the packages that it installs. */
function projectFolder(): string {
  const project = longDirectory()
  // A copy, because a compiler must find the files without following links out of the project.
  mkdirSync(join(project, 'node_modules/shmwire'), { recursive: true })
  for (const part of ['package.json', 'proto', 'dist'])
    cpSync(join(ROOT, part), join(project, 'node_modules/shmwire', part), { recursive: true })
  for (const name of ['.bin', '@bufbuild', '@grpc', '@types'])
    symlinkSync(join(ROOT, 'node_modules', name), join(project, 'node_modules', name))
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }')
  for (const { label, text } of filesOf(DOCUMENT)) {
    mkdirSync(dirname(join(project, label)), { recursive: true })
    writeFileSync(join(project, label), text)
  }
  return project
}

function filesOf(document: string): { label: string; text: string }[] {
  return [...readDocument(document).matchAll(/^```(?:proto|yaml) (\S+)\n([\s\S]*?)^```$/gm)].map(
    ([, label = '', text = '']) => ({ label, text }),
  )
}

/** buf can replace protoc, which needs no download. */
function runCommands(project: string, label: string): void {
  const found = new RegExp(String.raw`^\`\`\`sh ${label}\n([\s\S]*?)^\`\`\`$`, 'm').exec(
    readDocument(DOCUMENT),
  )
  const script = (found?.[1] ?? 'exit 1')
    .replaceAll(/^npx /gm, '')
    .replaceAll(/^protoc /gm, 'buf alpha protoc ')
  const { status, stdout, stderr } = run(project, ['sh', '-e', '-c', script])
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' })
}

function run(project: string, [command = '', ...parameters]: readonly string[]) {
  const env = { ...process.env, PATH: `${join(project, 'node_modules/.bin')}:${process.env.PATH}` }
  return spawnSync(command, parameters, { cwd: project, env, encoding: 'utf8' })
}
