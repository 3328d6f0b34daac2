export { type ChannelSocket, type ChannelSocketOptions, channelDuplex } from './channel-socket.js'
export { type ConnectionOptions, createConnection, type StreamChannelOptions } from './create-connection.js'
