/**
 * Reads `bytes.length` bytes of a web stream into `bytes`, as a file's or a response's byte stream does: the reader
 * transfers the memory of `bytes`, and the result is the same memory under another array. Rejects with TypeError where
 * the memory cannot be transferred.
 */
export async function fillByStream(bytes: Uint8Array, value: number): Promise<Uint8Array> {
  const stream = new ReadableStream({
    type: 'bytes',
    pull(controller) {
      const view = controller.byobRequest?.view as ArrayBufferView
      new Uint8Array(view.buffer, view.byteOffset, view.byteLength).fill(value)
      controller.byobRequest?.respond(view.byteLength)
    },
  })
  const result = await stream.getReader({ mode: 'byob' }).read(bytes)
  return result.value as Uint8Array
}

/** Node 20 and 22 let streams and `ArrayBuffer.prototype.transfer` take memory that is marked as untransferable. */
export const STREAMS_RESPECT_THE_MARK = Number(process.versions.node.split('.')[0]) >= 24
