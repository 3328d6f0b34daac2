import type { ChannelFigures, Snapshot, SubscriptionFigures } from '../../src/observe/figures.js'
import { snapshotAt } from './top-snapshots.js'

/** A process after so many milliseconds, without any rows. */
export function processAt(pid: number, ms: number, members: Partial<Snapshot> = {}): Snapshot {
  const whole = snapshotAt(ms)
  return {
    ...whole,
    id: `thread of ${pid}`,
    process: { ...whole.process, pid, title: `program-${pid}.mjs`, startedAtMs: pid },
    channels: [],
    topics: [],
    subscriptions: [],
    ...members,
  }
}

/** A channel that has sent and received so many messages. */
export function channel(
  id: number,
  role: ChannelFigures['role'],
  peerPid: number | undefined,
  messages: number,
  members: Partial<ChannelFigures> = {},
): ChannelFigures {
  const [known] = snapshotAt(0).channels as [ChannelFigures]
  return { ...known, id, role, peerPid, messagesSent: messages, messagesReceived: messages, ...members }
}

export function subscription(epoch: string, received: number): SubscriptionFigures {
  const [known] = snapshotAt(0).subscriptions as [SubscriptionFigures]
  return { ...known, epoch, received, lost: 0 }
}
