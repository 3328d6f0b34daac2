/**
 * The diagnostics channels of this package: the only place that names them. docs/diagnostics.md describes when each one fires, and
 * `DiagnosticsPayloads` in diagnostics-payloads.ts has the form of its payloads.
 *
 * The constants keep the channels alive: runtimes hold a channel that has no subscriber weakly, and one that was collected and created again
 * would not be the one that a program has subscribed to.
 */
import { channel, tracingChannel } from 'node:diagnostics_channel'

export const channelSend = channel('shmwire:channel.send')
export const channelReceive = channel('shmwire:channel.receive')
export const channelFallback = channel('shmwire:channel.fallback')
export const channelPeerGone = channel('shmwire:channel.peerGone')
export const backgroundErrors = channel('shmwire:background.error')

export const connects = tracingChannel('shmwire:connect')
export const accepts = tracingChannel('shmwire:accept')
export const clientCalls = tracingChannel('shmwire:client.call')
export const clientStreams = tracingChannel('shmwire:client.stream')
export const serviceCalls = tracingChannel('shmwire:service.call')
export const serviceStreams = tracingChannel('shmwire:service.stream')
export const topicPublish = tracingChannel('shmwire:topic.publish')
export const topicReceive = tracingChannel('shmwire:topic.receive')
export const queuePush = tracingChannel('shmwire:queue.push')
export const queueTake = tracingChannel('shmwire:queue.take')
export const gatewayRequests = tracingChannel('shmwire:gateway.request')
