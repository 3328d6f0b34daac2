import { expect, it } from 'vitest'
import { serverOf, systemOf } from '../../../../src/observe/otel/places.js'

it.each([
  ['users', { 'server.address': 'users' }],
  ['unix:/run/users.sock', { 'server.address': '/run/users.sock' }],
  ['tcp://127.0.0.1:7000', { 'server.address': '127.0.0.1', 'server.port': 7000 }],
  ['tls://[::1]:7000', { 'server.address': '::1', 'server.port': 7000 }],
  ['pipe:7000', { 'server.address': 'pipe:7000' }],
  [undefined, {}],
])('states the server of the address %s', (address, attributes) => {
  expect(serverOf(address)).toEqual(attributes)
  expect(systemOf(address)).toBe('shmwire')
})

it('states the server of a client of gRPC', () => {
  expect(serverOf('api.example.com:443')).toEqual({ 'server.address': 'api.example.com', 'server.port': 443 })
  expect(systemOf('api.example.com:443')).toBe('grpc')
})
