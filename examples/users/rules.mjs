// The rules that the types of user.proto do not state. The service checks them before a handler runs, whatever the path of the call. A
// wrong message is INVALID_ARGUMENT, with the names of its wrong fields.
import { z } from 'zod'

const LIMIT_MAX = 1_000_000
const PAGE_MAX = 1000

const name = z.string().trim().min(1, 'must not be empty').max(200)
const email = z.email('must be an e-mail address').max(254)

const RULES = {
  'user.CreateUserRequest': z.looseObject({ name, email }),
  'user.UpdateUserRequest': z.looseObject({ name, email }),
  'user.StreamUsersRequest': z.looseObject({
    limit: z.number().min(0).max(LIMIT_MAX),
    pageSize: z.number().min(0).max(PAGE_MAX),
  }),
}
const ANY = z.any()

export const rulesFor = ({ typeName }) => RULES[typeName] ?? ANY
