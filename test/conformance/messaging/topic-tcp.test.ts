import { topicSuite } from './topic-suite.js'

topicSuite({
  name: 'tcp',
  transport: 'tcp',
  address: () => 'tcp://127.0.0.1:0',
  server: { authorize: () => true },
  client: { authorize: () => true },
})
