/** Test files that do not run on Windows. docs/windows.md has the same reasons and files, which test/unit/not-on-windows.test.ts checks. */
export const NOT_ON_WINDOWS: readonly { readonly reason: string; readonly files: readonly string[] }[] = [
  {
    reason: 'Windows has no Unix sockets, and so no files for servers and names',
    files: [
      'test/process/cleaners.test.ts',
      'test/process/lease-races.test.ts',
      'test/process/names.test.ts',
      'test/process/places.test.ts',
      'test/process/strangers.test.ts',
      'test/process/take-over.test.ts',
      'test/unit/address.test.ts',
      'test/unit/control/name-lease-wait.test.ts',
      'test/unit/control/name-lease.test.ts',
      'test/unit/control/permission-model.test.ts',
      'test/unit/control/runtime-directory-unmapped.test.ts',
      'test/unit/control/runtime-directory.test.ts',
      'test/unit/control/served-name.test.ts',
      'test/unit/control/unmapped-ids.test.ts',
    ],
  },
  {
    reason: 'servers cannot be listed on Windows',
    files: [
      'test/process/discovery.test.ts',
      'test/process/hostile-servers.test.ts',
      'test/process/monitor.test.ts',
      'test/process/observe.test.ts',
      'test/process/server-watcher.test.ts',
      'test/process/siblings.test.ts',
      'test/unit/cli/top/top-command.test.ts',
      'test/unit/control/observe-server.test.ts',
      'test/unit/control/observers.test.ts',
      'test/unit/control/request-snapshot.test.ts',
      'test/unit/control/snapshot-answers.test.ts',
      'test/unit/discovery/directory-watch.test.ts',
      'test/unit/discovery/list-servers.test.ts',
      'test/unit/discovery/observe-servers.test.ts',
    ],
  },
  {
    reason:
      'pipes carry no descriptors, hide theirs, and do not identify their clients, and users have no number',
    files: [
      'test/process/doorbell.test.ts',
      'test/process/inheritance.test.ts',
      'test/unit/control/identity.test.ts',
      'test/unit/link/blocking-wait.test.ts',
      'test/unit/link/doorbell-probe.test.ts',
      'test/unit/service/auth/identity.test.ts',
    ],
  },
  {
    reason:
      'the test limits the resources, examines or stops a process, or changes its user, in ways of Linux',
    files: [
      'test/process/connects.test.ts',
      'test/process/identities.test.ts',
      'test/process/long-runs.test.ts',
      'test/process/refused-calls.test.ts',
      'test/process/restart.test.ts',
      'test/process/scarce-disk.test.ts',
      'test/process/scarce-resources.test.ts',
      'test/process/stop.test.ts',
      'test/process/suspend.test.ts',
      'test/unit/link/transferred-memory.test.ts',
    ],
  },
  {
    reason: 'the benchmark compares with Unix sockets',
    files: ['test/process/bench.test.ts'],
  },
  {
    reason: 'topics and cells have no shared memory on Windows yet',
    files: ['test/conformance/messaging/cell-shm.test.ts', 'test/conformance/messaging/topic-shm.test.ts'],
  },
  {
    reason: 'the test measures CPU time, which Windows counts in steps of 16 ms',
    files: ['test/conformance/linear-work.test.ts'],
  },
  {
    reason: 'no signal asks a process of Windows to end',
    files: ['test/process/close-on-signal.test.ts', 'test/unit/resilience/close-on-signal.test.ts'],
  },
  {
    reason: 'the test creates certificates with openssl, which Windows does not have',
    files: ['test/conformance/tls.test.ts', 'test/unit/half-open.test.ts', 'test/unit/network.test.ts'],
  },
]

/** For single tests: `it.skipIf(IS_WINDOWS)`, with the reason beside it. */
export const IS_WINDOWS = process.platform === 'win32'

/** The pipes of Windows do not identify their clients. */
export const HIDES_CLIENTS = IS_WINDOWS
