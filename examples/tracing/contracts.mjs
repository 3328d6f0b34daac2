// The services of the shop.
import { contract, serverStream, unary } from 'shmwire'
import { z } from 'zod'

const items = z.object({ items: z.array(z.string()).min(1) })

export const Orders = contract('shop.OrderService', {
  placeOrder: unary({
    input: items,
    output: z.object({ picked: z.array(z.string()) }),
    http: 'POST /api/v1/orders',
  }),
})

export const Stock = contract('shop.StockService', {
  pick: serverStream({ input: items, output: z.object({ label: z.string() }) }),
})
