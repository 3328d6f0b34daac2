import { accessSync, constants, existsSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { pause } from '../../abort-waits.js'
import { CommandError } from '../command.js'
import { SnapshotHistory } from '../top/snapshot-history.js'
import type { MonitorAbout, MonitorFrame } from './frame.js'
import { drawPicture } from './picture/draw-picture.js'
import { FigureHistory } from './picture/figure-history.js'
import { frameOfAnswers, type Observer } from './poller.js'

const INTERVALS = 10

/** Writes the picture of the page as SVG, after some intervals. Nothing if the user ends it before. */
export async function writePicture(
  file: string,
  observer: Observer,
  about: MonitorAbout,
  signal: AbortSignal,
): Promise<void> {
  // Before the intervals, which can take ten minutes.
  writing(file, () => accessSync(existsSync(file) ? file : dirname(file), constants.W_OK))
  const snapshots = new SnapshotHistory()
  const history = new FigureHistory()
  let frame: MonitorFrame | undefined
  for (let count = 0; count <= INTERVALS; count += 1) {
    if (count > 0) await pause(about.intervalMs, signal)
    if (signal.aborted) return
    frame = frameOfAnswers(await observer.ask(signal), snapshots)
    history.add(frame)
  }
  if (frame === undefined || signal.aborted) return
  const { svg } = drawPicture(frame, history, about)
  writing(file, () => writeFileSync(file, svg))
}

function writing(file: string, call: () => void): void {
  try {
    call()
  } catch (cause) {
    throw new CommandError(`cannot write ${file}: ${(cause as NodeJS.ErrnoException).message}`, { cause })
  }
}
