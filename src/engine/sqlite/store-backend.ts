/** A store that is opened and changed one call at a time: in a thread of its own, or in this one. Every method can reject with a ShmwireError. */
export interface StoreBackend {
  /** Opens the file. Calls `onPart` with each part of its contents (snapshot.ts). */
  load(onPart: (part: Uint8Array) => void): Promise<void>
  /** Commits all changes in one transaction (change-batch.ts). Takes the memory of the batch. */
  commit(batch: Uint8Array<ArrayBuffer>): Promise<void>
  /** Closes the file if it is open. */
  close(): Promise<void>
}

export interface StorePlace {
  /** Absolute. */
  readonly path: string
  /** The name of the codec of the jobs. */
  readonly codec: string
  /** Of SqliteStoreOptions. */
  readonly checkpointPages: number
}
