import { writeFileSync } from 'node:fs'
import { CommandError } from '../command.js'
import { SnapshotHistory } from '../top/snapshot-history.js'
import type { MonitorAbout, MonitorFrame } from './frame.js'
import { drawPicture } from './picture/draw-picture.js'
import { FigureHistory } from './picture/figure-history.js'
import { frameOfAnswers, type Observer, pause } from './poller.js'

const INTERVALS = 10

/** Writes the picture of the page as SVG, after some intervals. Nothing if the user ends it before. */
export async function writePicture(
  file: string,
  observer: Observer,
  about: MonitorAbout,
  signal: AbortSignal,
): Promise<void> {
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
  try {
    writeFileSync(file, drawPicture(frame, history, about).svg)
  } catch (cause) {
    throw new CommandError(`cannot write ${file}: ${(cause as NodeJS.ErrnoException).message}`, { cause })
  }
}
