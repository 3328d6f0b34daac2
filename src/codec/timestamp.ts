/** The date in extension −1 of MessagePack: 32, 64 or 96 bits. Any other length is the invalid date. */
export function dateOf(data: Buffer): Date {
  switch (data.length) {
    case 4:
      return new Date(data.readUInt32BE(0) * 1000)
    case 8:
      return timeOf((data.readUInt32BE(0) & 3) * 2 ** 32 + data.readUInt32BE(4), data.readUInt32BE(0) >>> 2)
    case 12:
      return timeOf(Number(data.readBigInt64BE(4)), data.readUInt32BE(0))
    default:
      return new Date(Number.NaN)
  }
}

function timeOf(seconds: number, nanoseconds: number): Date {
  return new Date(seconds * 1000 + Math.floor(nanoseconds / 1_000_000))
}
