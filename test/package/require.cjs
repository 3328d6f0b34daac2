const shmwire = require('shmwire')

void import('./exchange.mjs').then(({ exchange }) => exchange(shmwire))
