// Compares users by their binary form, byte for byte.
import { create, toBinary } from '@bufbuild/protobuf'
import { UserSchema } from './contract.mjs'

export class Comparison {
  /** False after the first difference. */
  same = true
  #expected

  constructor(expected) {
    this.#expected = Buffer.concat(expected.map(bytesOfFields))
  }

  one(user, expected) {
    this.same &&= bytesOf(user).equals(bytesOfFields(expected))
  }

  /** A whole stream. */
  all(users) {
    this.same &&= Buffer.concat(users.map(bytesOf)).equals(this.#expected)
  }
}

/** Of a message. A field that user.proto does not have would be there, too. */
function bytesOf(user) {
  return Buffer.from(toBinary(UserSchema, user))
}

function bytesOfFields({ id, name, email }) {
  return bytesOf(create(UserSchema, { id, name, email }))
}
