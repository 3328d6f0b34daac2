import type { Palette } from './palette.js'

export const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif'

/** How the graph is drawn. */
export interface GraphView {
  readonly palette: Palette
  /** The id of a node, or the key of a row. */
  readonly selected: string | undefined
  /** Where the graph is shown. */
  readonly width: number
  readonly height: number
  /** The text to draw for an address or a name: a picture leaves out the folders of addresses. */
  readonly shown?: ((text: string) => string) | undefined
}
