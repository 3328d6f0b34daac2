const JOBS = 5_000

const setup = (title, library) => ({
  title,
  transport: 'tcp',
  commands: ['nats-server'],
  // The packages of NATS are needed only here.
  measure: async (options) => {
    const { measureJobs } = await import('../messaging/jetstream.mjs')
    return measureJobs(library, options.phase, options)
  },
})

/** @type {import('./scenario.js').Scenario} */
export const scenario = {
  title: 'Queue of JetStream, 100 B',
  question: `How many of ${JOBS.toLocaleString('en')} jobs are done in a second with the engine \`jetStream\`, and with the client of NATS doing the same? One nats-server, 256 jobs at once. The CPU time has that of the server. The ratio compares with the client.`,
  headline: { name: 'jobs', unit: 'per second', of: ({ messagesPerSecond }) => messagesPerSecond },
  options: { messageBytes: 100, jobs: JOBS, expectedMs: 2000, extraMs: 60_000 },
  cases: [
    { name: 'push', title: 'Queue of JetStream, confirmed pushes, 100 B', options: { phase: 'push' } },
    { name: 'work', title: 'Queue of JetStream, acknowledged jobs, 100 B', options: { phase: 'work' } },
  ],
  reference: 'nats',
  setups: {
    shmwire: setup('shmwire, engine jetStream', 'shmwire'),
    nats: setup('NATS client, JetStream', 'nats'),
  },
}
