export { type AttachedServer, type AttachOptions, attach } from './http-attach.js'
export { type AgentOptions, agent, type ChannelAgent, type Connect, connector } from './http-client.js'
