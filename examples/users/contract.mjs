// The contract of all processes: users.binpb is user.proto, compiled.
import { loadContracts } from 'shmwire/proto'
import { rulesFor } from './rules.mjs'

const contracts = await loadContracts(new URL('users.binpb', import.meta.url))

export const Users = contracts.get('user.UserService', { validate: rulesFor })

/** The descriptor of the message `User`, for its binary and its JSON form. */
export const UserSchema = Users.descriptor.methods.find(({ name }) => name === 'StreamUsers').output
