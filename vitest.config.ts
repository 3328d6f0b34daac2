import { defineConfig } from 'vitest/config'
import { NOT_ON_WINDOWS } from './test/support/not-on-windows.js'

// Timeouts only end what hangs; a busy machine may take long, and no test asserts a maximum time.
const SECOND_MS = 1000

const GATEWAY_TESTS = 'test/unit/gateway/**/*.test.ts'

const notHere = process.platform === 'win32' ? NOT_ON_WINDOWS.flatMap(({ files }) => files) : []

export default defineConfig({
  test: {
    passWithNoTests: true,
    projects: [
      { test: { ...project('unit', 30 * SECOND_MS).test, exclude: [GATEWAY_TESTS, ...notHere] } },
      // Unit tests too, but they take longer: each opens servers and connections.
      { test: { ...project('gateway', 30 * SECOND_MS).test, include: [GATEWAY_TESTS] } },
      project('conformance', 60 * SECOND_MS),
      // Real processes, signals and kills.
      project('process', 120 * SECOND_MS),
      // Real processes, and peers that lie to them.
      project('hostile', 120 * SECOND_MS),
      // Real stacks of other packages over channels.
      project('interop', 60 * SECOND_MS),
      // The code in the documents, the links, and the API page against the exported types.
      project('package', 60 * SECOND_MS),
      // As long as it is told to: docs/fuzzing.md.
      project('fuzz', 60 * SECOND_MS),
    ],
  },
})

function project(name: string, timeoutMs: number) {
  return {
    test: {
      name,
      pool: 'forks' as const,
      include: [`test/${name}/**/*.test.ts`],
      exclude: notHere,
      testTimeout: timeoutMs,
      hookTimeout: timeoutMs,
      teardownTimeout: timeoutMs,
    },
  }
}
