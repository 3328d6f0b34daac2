const shmwire = require('shmwire')
const testing = require('shmwire/testing')

void import('./exchange.mjs').then(async ({ exchange, exchangeInProcess }) => {
  await exchange(shmwire)
  await exchangeInProcess(testing)
})
