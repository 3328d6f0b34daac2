import { exchange } from './exchange.mjs'

await exchange(await import('shmwire'))
