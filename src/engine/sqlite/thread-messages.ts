import type { ErrorCode } from '../../errors.js'

/** To the thread of a store. It answers each request with `done` or `failed`, in order. */
export type StoreRequest =
  | { readonly type: 'load' }
  | { readonly type: 'commit'; readonly batch: Uint8Array }
  | { readonly type: 'close' }

export type StoreReply =
  | { readonly type: 'part'; readonly part: Uint8Array }
  | { readonly type: 'done' }
  | { readonly type: 'failed'; readonly code: ErrorCode; readonly message: string }
