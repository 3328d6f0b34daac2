// A program that moves work out of its event loop: many calls at once, which a pool of threads answers.
//
//   node examples/pool/main.mjs [WORKERS]
import { Pool } from './pool.mjs'

const workers = process.argv[2] === undefined ? undefined : Number(process.argv[2])
const pool = await Pool.start(new URL('worker.mjs', import.meta.url), workers)

const sums = await Promise.all(Array.from({ length: 1000 }, (_, n) => pool.call('add', { a: n, b: n })))
console.log(`${sums.length} sums; the last is ${sums.at(-1)}`)

const hash = await pool.call('hash', { password: 'password 0', salt: 'salt' }, { timeoutMs: 10_000 })
console.log(`the hash begins with ${hash}`)

// A call that was running in a worker that crashed fails; later ones go to its replacement.
await pool.call('crash').catch(({ status, executed }) => console.log(`${status}, executed: ${executed}`))
console.log(`still adding: ${await pool.call('add', { a: 1, b: 2 })}`)

await pool.close()
