import { exchange, exchangeInProcess } from './exchange.mjs'

await exchange(await import('shmwire'))
await exchangeInProcess(await import('shmwire/testing'))
