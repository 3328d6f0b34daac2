const SYMBOLS = ['ABC', 'DEFG', 'HIJK', 'LMN']
const TIME_BEGIN = 1_700_000_000_000

/** An object of six fields. `time` replaces its own one in a sample of the orders. */
export function orderOf(sequence, time) {
  return {
    id: sequence,
    symbol: SYMBOLS[sequence & 3],
    price: 100 + (sequence & 1023) / 64,
    quantity: (sequence & 127) + 1,
    buy: (sequence & 1) === 0,
    time: time ?? TIME_BEGIN + sequence,
  }
}

/** Compares all fields without building the expected object. */
export function isOrder(order, sequence, hasOwnTime) {
  return (
    order.id === sequence &&
    order.symbol === SYMBOLS[sequence & 3] &&
    order.price === 100 + (sequence & 1023) / 64 &&
    order.quantity === (sequence & 127) + 1 &&
    order.buy === ((sequence & 1) === 0) &&
    (hasOwnTime ? order.time === TIME_BEGIN + sequence : order.time > 0)
  )
}
