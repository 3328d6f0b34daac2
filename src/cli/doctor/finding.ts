/** One line of `shmwire doctor`. Each one that is not ok names its fix. */
export type Finding = { readonly check: string; readonly text: string } & (
  | { readonly status: 'ok' }
  | { readonly status: 'note' | 'problem'; readonly fix: string }
)

export function ok(check: string, text: string): Finding {
  return { check, status: 'ok', text }
}

/** It works, and could be better. */
export function note(check: string, text: string, fix: string): Finding {
  return { check, status: 'note', text, fix }
}

/** It does not work. */
export function problem(check: string, text: string, fix: string): Finding {
  return { check, status: 'problem', text, fix }
}
