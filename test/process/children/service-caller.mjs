// Calls a method of a service and reports each message, until its parent ends it.
//   service-caller.mjs <name> <method>
import { client } from '../../../dist/index.js'

const [name, method] = process.argv.slice(2)

async function* endless() {
  for (let number = 0; ; number += 1) yield number
}

/** @type {any} */
const calls = await client(name)
if (method === 'hang') await calls.hang(0, { timeoutMs: Infinity })
else if (method === 'collect') await calls.collect(endless(), { timeoutMs: Infinity })
else for await (const _message of calls.count(0, { timeoutMs: Infinity }));
