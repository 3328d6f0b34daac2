/** Messages of up to `maxMessageBytes`: ordinary ones must decode, others may fail with CODEC, and none may end the process. */

/** A list of one repeated element, or of the elements that `elementOf` creates. */
function listOf(bytesMax, head, separator, elementOf) {
  const bytes = Buffer.alloc(bytesMax)
  let at = head.length
  let count = 0
  while (true) {
    const element = typeof elementOf === 'function' ? elementOf(count) : elementOf
    if (at + element.length + separator.length > bytesMax - 1) break
    if (count > 0) at += separator.copy(bytes, at)
    at += element.copy(bytes, at)
    count += 1
  }
  head.copy(bytes)
  return { bytes, at, count }
}

function msgpackList(elementOf) {
  return (bytesMax) => {
    const { bytes, at, count } = listOf(bytesMax, Buffer.of(0xdd, 0, 0, 0, 0), Buffer.alloc(0), elementOf)
    bytes.writeUInt32BE(count, 1)
    return bytes.subarray(0, at)
  }
}

function graphList(elementOf) {
  return (bytesMax) => Buffer.concat([Buffer.of(0xc1), msgpackList(elementOf)(bytesMax - 1)])
}

function jsonList(elementOf) {
  return (bytesMax) => {
    const element =
      typeof elementOf === 'function' ? (index) => Buffer.from(elementOf(index)) : Buffer.from(elementOf)
    const { bytes, at } = listOf(bytesMax, Buffer.from('['), Buffer.from(','), element)
    bytes[at] = 0x5d
    return bytes.subarray(0, at + 1)
  }
}

const text = (value) => Buffer.concat([Buffer.of(0xa0 + value.length), Buffer.from(value)])
const map = (...members) =>
  Buffer.concat([
    Buffer.of(0x80 + members.length),
    ...members.map((key) => Buffer.concat([text(key), Buffer.of(1)])),
  ])
const list = (...parts) =>
  Buffer.concat([
    Buffer.of(0x90 + parts.length),
    ...parts.map((part) => (typeof part === 'string' ? text(part) : part)),
  ])
const utf16 = (value) => {
  const bytes = Buffer.from(value, 'utf16le')
  return Buffer.concat([Buffer.of(0xc4, bytes.length), bytes])
}
const double = Buffer.from('cb3ff1000000000001', 'hex')
const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'

/** Keys in a different order each time: each object gets its own hidden classes. */
function shuffledKeys(count) {
  let seed = 1
  return () => {
    const keys = new Set()
    while (keys.size < count) {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
      keys.add(LETTERS[(seed >>> 16) % LETTERS.length])
    }
    return [...keys]
  }
}
const shuffled = shuffledKeys(8)
const RECORD_KEYS = list('id', 'name', 'price', 'quantity', 'buy', 'time')
const NUMBERED_KEYS = list('999')
const FEW_KEYS = list('a')
const record = Buffer.concat([
  Buffer.of(0xc1, 0, 0xce, 0, 1, 2, 3),
  text('Grace'),
  double,
  Buffer.of(12, 0xc3),
  double,
])
const rest = (bytesMax, headBytes, fill) => Buffer.alloc(bytesMax - headBytes, fill)
const longText = (bytesMax, character) => {
  const head = Buffer.of(0xdb, 0, 0, 0, 0)
  head.writeUInt32BE(bytesMax - 5, 1)
  return Buffer.concat([head, Buffer.from(character), rest(bytesMax, 5 + Buffer.byteLength(character), 0x78)])
}

const ordinaryMsgpack = {
  'small integers': msgpackList(Buffer.of(7)),
  doubles: msgpackList(double),
  'texts of two characters': msgpackList(text('ab')),
  'texts of twelve characters': msgpackList((index) => text(String(index).padStart(12, 'x'))),
  'records of six fields': msgpackList(record),
  'maps of six fields': msgpackList(
    map('symbol', 'identifier', 'quantity', 'price-limit', 'buyer', 'timestamp'),
  ),
  'points of two doubles': msgpackList(Buffer.concat([Buffer.of(0x92), double, double])),
  'one long text': (bytesMax) => longText(bytesMax, 'x'),
  'one long text in two bytes a character': (bytesMax) => longText(bytesMax, '€'),
  'one typed array': (bytesMax) => {
    const head = Buffer.of(0xc9, 0, 0, 0, 0, 0x74, 8)
    const length = Math.floor((bytesMax - head.length) / 8) * 8
    head.writeUInt32BE(length + 1, 1)
    return Buffer.concat([head, Buffer.alloc(length)])
  },
  'one Map of a million entries': () => {
    const nodes = [Buffer.alloc(0)]
    const count = 1_000_000
    const head = Buffer.from('c1dd00000000dd00000000a36d6170', 'hex')
    head.writeUInt32BE(count + 1, 2)
    head.writeUInt32BE(2 * count + 1, 7)
    const references = Buffer.alloc(10 * count)
    for (let index = 1; index <= count; index++) {
      for (const half of [0, 5]) {
        references[10 * (index - 1) + half] = 0xce
        references.writeUInt32BE(index, 10 * (index - 1) + half + 1)
      }
      const node = Buffer.of(0xce, 0, 0, 0, 0)
      node.writeUInt32BE(1_000_000 + 7 * index, 1)
      nodes.push(node)
    }
    return Buffer.concat([head, references, ...nodes])
  },
}

const hostileMsgpack = {
  'empty objects': msgpackList(Buffer.of(0x80)),
  'empty arrays': msgpackList(Buffer.of(0x90)),
  'arrays of one': msgpackList(Buffer.of(0x91, 1)),
  views: msgpackList(Buffer.of(0xc4, 0)),
  'typed arrays': msgpackList(Buffer.of(0xd4, 0x74, 8)),
  DataViews: msgpackList(Buffer.of(0xd4, 0x74, 0x11)),
  'dates that are none': msgpackList(Buffer.of(0xd4, 0xff, 0xff)),
  bigints: msgpackList(Buffer.of(0xcf, 0xff, 0, 0, 0, 0, 0, 0, 0)),
  'objects of new keys': msgpackList((index) => map(index.toString(36))),
  'objects of keys in any order': msgpackList(() => map(...shuffled())),
  'objects of one key like an index': msgpackList(map('999')),
  'objects of three keys like an index': msgpackList(map('1023', '2574', '3322')),
  'objects of forty keys': msgpackList(
    Buffer.concat([
      Buffer.of(0xde, 0, 40),
      ...Array.from({ length: 40 }, (_, index) => Buffer.concat([text(LETTERS[index]), Buffer.of(1)])),
    ]),
  ),
  'one object of ever new keys': (bytesMax) => {
    const bytes = msgpackList((index) => Buffer.concat([text(index.toString(36)), Buffer.of(1)]))(bytesMax)
    bytes[0] = 0xdf
    return bytes
  },
  'shaped objects of one key like an index': msgpackList(Buffer.of(0xc1, 1, 1)),
  'shaped objects of one key': msgpackList(Buffer.of(0xc1, 2, 1)),
  undefined: msgpackList(Buffer.of(0xd4, 0, 0)),
  'a number among integers': msgpackList((index) => (index === 40_000_000 ? double : Buffer.of(7))),
  'a text among integers': msgpackList((index) => (index === 40_000_000 ? text('ab') : Buffer.of(7))),
  'floats of four bytes, and a text': msgpackList((index) =>
    index === 0 ? text('ab') : Buffer.of(0xca, 0x3f, 0x8c, 0, 1),
  ),
  'one character texts beyond ASCII': msgpackList(Buffer.of(0xa1, 0xff)),
  'a graph of Maps': graphList(list('map')),
  'a graph of Sets': graphList(list('set')),
  'a graph of errors': graphList(list('error', 'Error')),
  'a graph of objects': graphList(list('object')),
  'a graph of patterns': graphList(list('regexp', utf16('a'), '')),
  'a graph of leaves': graphList(Buffer.of(7)),
  'a graph of empty lists': graphList(Buffer.of(0x90)),
  'a graph of Maps of one': graphList(list('map', Buffer.of(0), Buffer.of(0))),
  'a graph of texts': graphList(list('utf16', utf16('a'))),
  'a graph of bigints': graphList(list('bigint', 'ffffffff')),
  'a graph of objects of one key like an index': (bytesMax) => {
    const bytes = graphList((index) =>
      index === 0 ? text('999') : list('object', Buffer.of(0), Buffer.of(0)),
    )(bytesMax)
    return bytes
  },
  'one bigint': (bytesMax) => {
    const head = Buffer.from('c19192a6626967696e74db00000000', 'hex')
    head.writeUInt32BE(bytesMax - head.length, head.length - 4)
    return Buffer.concat([head, rest(bytesMax, head.length, 0x66)])
  },
}

const ordinaryJson = {
  'small integers': jsonList('7'),
  doubles: jsonList('1.25'),
  'texts of two characters': jsonList('"ab"'),
  'objects of six fields': jsonList(
    '{"id":1234567,"symbol":"ABC","price":101.25,"quantity":12,"buy":true,"time":1700000000000}',
  ),
  'points of two doubles': jsonList('{"x":1.5,"y":2.5}'),
  'one long text': (bytesMax) => Buffer.concat([Buffer.of(0x22), rest(bytesMax, 2, 0x78), Buffer.of(0x22)]),
}

const hostileJson = {
  'empty objects': jsonList('{}'),
  'empty arrays': jsonList('[]'),
  'arrays of one': jsonList('[0]'),
  'objects of new keys': jsonList((index) => `{"${index.toString(36)}":0}`),
  'objects of keys in any order': jsonList(
    () =>
      `{${shuffled()
        .map((key) => `"${key}":0`)
        .join()}}`,
  ),
  'objects of one key like an index': jsonList('{"1023":0}'),
  'arrays in arrays': (bytesMax) =>
    Buffer.concat([Buffer.alloc(bytesMax / 2, '['), Buffer.alloc(bytesMax / 2, ']')]),
  'arrays that do not end': (bytesMax) => Buffer.alloc(bytesMax, '['),
  'objects in objects': (bytesMax) =>
    Buffer.concat([Buffer.alloc(5 * Math.floor(bytesMax / 6), '{"":'.padEnd(4)), Buffer.from('0')]),
  'one object of ever new keys': (bytesMax) => {
    const bytes = jsonList((index) => `"${index.toString(36)}":0`)(bytesMax)
    bytes[0] = 0x7b
    bytes[bytes.length - 1] = 0x7d
    return bytes
  },
  'one number': (bytesMax) => Buffer.alloc(bytesMax, '1'),
  quotes: (bytesMax) => Buffer.alloc(bytesMax, '"'),
}

const NOTES = [RECORD_KEYS, NUMBERED_KEYS, FEW_KEYS]

/** By codec and name: `make(bytesMax)`, the notes that precede it, and whether the message must decode. */
export const LARGE_MESSAGES = {
  msgpack: { ...described(ordinaryMsgpack, true, NOTES), ...described(hostileMsgpack, false, NOTES) },
  json: { ...described(ordinaryJson, true, []), ...described(hostileJson, false, []) },
}

function described(messages, isOrdinary, notes) {
  const all = {}
  for (const name of Object.keys(messages))
    all[isOrdinary ? name : `hostile: ${name}`] = { make: messages[name], isOrdinary, notes }
  return all
}
