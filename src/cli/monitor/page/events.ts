import type { MonitorAbout, MonitorFrame } from '../frame.js'

export interface Listener {
  about(about: MonitorAbout): void
  frame(frame: MonitorFrame): void
  /** A text for the user. `isFinal`: it is not tried again. */
  lost(reason: string, isFinal: boolean): void
}

const RETRY_MS = 1_000
const RETRY_MS_MAX = 10_000
const UNAUTHORIZED = 401
/** Longer than any frame. */
const EVENT_CHARACTERS_MAX = 16 * 1024 * 1024

/** Reads the events of the server for as long as the page is open. `EventSource` cannot send the token in a header. */
export async function readEvents(token: string, listener: Listener): Promise<void> {
  let waitMs = RETRY_MS
  for (;;) {
    try {
      const response = await fetch('events', {
        headers: { authorization: `Bearer ${token}` },
        cache: 'no-store',
      })
      if (response.ok && response.body !== null) {
        waitMs = RETRY_MS
        await readBody(response.body, listener)
        listener.lost('the monitor has ended; trying again', false)
      } else {
        const isFinal = response.status === UNAUTHORIZED
        listener.lost((await response.text()).trim(), isFinal)
        if (isFinal) return
      }
    } catch (error) {
      // `fetch` and the stream reject with a TypeError if there is no connection.
      if (!(error instanceof TypeError)) throw error
      listener.lost('the monitor does not answer; trying again', false)
    }
    // oxlint-disable-next-line no-restricted-globals -- a page has no host.ts
    await new Promise((resolve) => setTimeout(resolve, waitMs))
    waitMs = Math.min(RETRY_MS_MAX, waitMs * 2)
  }
}

async function readBody(body: ReadableStream<Uint8Array<ArrayBuffer>>, listener: Listener): Promise<void> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    const events = (rest + value).split('\n\n')
    rest = events.pop() ?? ''
    if (rest.length > EVENT_CHARACTERS_MAX)
      throw new Error(`an event has more than ${EVENT_CHARACTERS_MAX} characters`)
    for (const event of events) deliver(event, listener)
  }
}

function deliver(event: string, listener: Listener): void {
  const [, name, json = ''] = /^event: (\w+)\ndata: (.*)$/s.exec(event) ?? []
  if (name === 'about') listener.about(JSON.parse(json) as MonitorAbout)
  else if (name === 'frame') listener.frame(JSON.parse(json) as MonitorFrame)
}
