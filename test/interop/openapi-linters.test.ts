import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  type OpenApiDocumentOptions,
  openApiDocument,
  openApiYaml,
} from '../../src/gateway/rest/openapi/exported-document.js'
import { ROOT } from '../support/documents.js'
import { APIS } from '../support/openapi-apis.js'
import { runProgram } from '../support/program.js'
import { longDirectory } from '../support/temporary-directory.js'

const REDOCLY = join(ROOT, 'node_modules/@redocly/cli/bin/cli.js')
const SPECTRAL = join(ROOT, 'node_modules/@stoplight/spectral-cli/dist/index.js')
const WITHOUT_NETWORK = { REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' }

/** Writes the documents of all APIs, in both forms. */
function writeDocuments(folder: string): string[] {
  return Object.values(APIS).flatMap((options, index) => {
    const document = openApiDocument(options)
    const files = [join(folder, `${index}.json`), join(folder, `${index}.yaml`)]
    writeFileSync(files[0] as string, JSON.stringify(document))
    writeFileSync(files[1] as string, openApiYaml(document))
    return files
  })
}

const ruleset = (folder: string): string => {
  const file = join(folder, 'ruleset.yaml')
  writeFileSync(file, 'extends: ["spectral:oas"]\n')
  return file
}

/** The exit code and all output. */
async function lint(program: string, args: readonly string[]) {
  const { code, stdout, stderr } = await runProgram(process.execPath, [program, 'lint', ...args], {
    env: WITHOUT_NETWORK,
  })
  return { code, output: `${stdout}${stderr}` }
}

describe('the OpenAPI documents of all kinds of APIs', () => {
  it('have no error and no warning of Redocly', async () => {
    const { code, output } = await lint(REDOCLY, [
      '--extends',
      'recommended',
      ...writeDocuments(longDirectory()),
    ])
    expect(output).toContain('Your API descriptions are valid')
    expect(output).not.toMatch(/You have \d+ warning/)
    expect(code).toBe(0)
  })

  it('have no error, no warning and no hint of Spectral', async () => {
    const folder = longDirectory()
    const { code, output } = await lint(SPECTRAL, [
      ...writeDocuments(folder),
      '--ruleset',
      ruleset(folder),
      '--fail-severity',
      'hint',
    ])
    expect(output).toContain("No results with a severity of 'hint' or higher found!")
    expect(code).toBe(0)
  })

  it('would have a warning of both without what they state', async () => {
    const folder = longDirectory()
    const file = join(folder, 'bad.json')
    const { tags: _, ...document } = openApiDocument(Object.values(APIS)[0] as OpenApiDocumentOptions)
    const { license: __, ...info } = document.info as Record<string, unknown>
    writeFileSync(file, JSON.stringify({ ...document, info }))
    const redocly = await lint(REDOCLY, ['--extends', 'recommended', file])
    expect(redocly.output).toMatch(/You have 1 warning/)
    const spectral = await lint(SPECTRAL, [file, '--ruleset', ruleset(folder), '--fail-severity', 'hint'])
    expect(spectral.output).toContain('operation-tag-defined')
    expect(spectral.code).toBe(1)
  })
})
