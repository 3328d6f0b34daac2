import { cellSuite } from './cell-suite.js'

cellSuite({
  name: 'tcp',
  transport: 'tcp',
  address: () => 'tcp://127.0.0.1:0',
  server: { authorize: () => true },
  client: { authorize: () => true },
})
