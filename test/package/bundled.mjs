// The program of the bundles. It has no top-level await, so it can become a CommonJS module.
import * as shmwire from 'shmwire'
import * as testing from 'shmwire/testing'
import { exchange, exchangeInProcess } from './exchange.mjs'

void exchange(shmwire).then(() => exchangeInProcess(testing))
