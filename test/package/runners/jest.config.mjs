import { createRequire } from 'node:module'

// The environments are packages of the repository, not of this folder.
const { resolve } = createRequire(process.argv[1])
const [major, minor] = process.versions.node.split('.').map(Number)
const canRequireModules = major > 24 || (major === 24 && minor >= 9)

export default {
  watchman: false,
  projects: ['node', 'jsdom'].map((environment) => ({
    displayName: environment,
    testEnvironment: resolve(`jest-environment-${environment}`),
    testMatch: canRequireModules ? ['**/*.test.[cm]js'] : ['**/*.test.mjs'],
    transform: {},
    globals: { ENVIRONMENT: `jest-${environment}` },
  })),
}
