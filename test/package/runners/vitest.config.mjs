export default {
  test: {
    projects: [
      project('node', 'forks'),
      project('jsdom', 'forks'),
      project('happy-dom', 'forks'),
      // In a realm of its own, as in Jest.
      project('jsdom', 'vmThreads'),
    ],
  },
}

function project(environment, pool) {
  const name = `${environment}-${pool}`
  return {
    define: { 'globalThis.ENVIRONMENT': JSON.stringify(name) },
    test: { name, environment, pool, globals: true, include: ['smoke.test.mjs'] },
  }
}
