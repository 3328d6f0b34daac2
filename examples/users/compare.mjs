// Compares users by their binary form, byte for byte.
import { create, toBinary } from '@bufbuild/protobuf'
import { UserSchema } from './contract.mjs'

export class Comparison {
  /** False after the first difference. */
  same = true
  #expected

  constructor(expected) {
    this.#expected = Buffer.concat(expected.map(bytesOf))
  }

  one(user, expected) {
    this.same &&= bytesOf(user).equals(bytesOf(expected))
  }

  /** A whole stream. */
  all(users) {
    this.same &&= Buffer.concat(users.map(bytesOf)).equals(this.#expected)
  }
}

/** All fields are written in the order of their numbers, so equal users have equal bytes. */
function bytesOf({ id, name, email }) {
  return Buffer.from(toBinary(UserSchema, create(UserSchema, { id, name, email })))
}
