// A disk that loses its power. A sync makes everything before it safe. Everything later is lost or kept at random: each page has the content
// after any of the writes since the sync, or before them, and a torn page has another one in each of its sectors. Lengths and names change in
// their order, as with a journal of metadata, but independently of the pages.
import { Action, FOLDER } from './trace.mjs'

const PAGE_BYTES = 4096
const SECTOR_BYTES = 512
/** Of ten pages that are not safe, so many are torn. */
const TORN_OF_TEN = 3

export class Disk {
  #files = new Map()
  /** The file of each name that survives. */
  #names = new Map()
  /** Changes of names since the last sync of the folder. */
  #pending = []

  apply({ action, file, position, data }) {
    if (action === Action.CREATE) {
      this.#files.set(file, new DiskFile())
      this.#pending.push({ name: data.toString(), file })
    } else if (action === Action.REMOVE) this.#pending.push({ name: data.toString(), file: undefined })
    else if (action === Action.SYNC && file === FOLDER) {
      for (const change of this.#pending.splice(0)) rename(this.#names, change)
    } else if (action === Action.SYNC) this.#files.get(file).sync()
    else if (action === Action.TRUNCATE) this.#files.get(file).truncate(position)
    else this.#files.get(file).write(position, data)
  }

  /** The content of each file after the power has returned. `below(n)` is a random number from 0 to n - 1. */
  contents(below) {
    const names = new Map(this.#names)
    for (const change of this.#pending.slice(0, below(this.#pending.length + 1))) rename(names, change)
    return new Map([...names].map(([name, file]) => [name, this.#files.get(file).content(below)]))
  }
}

function rename(names, { name, file }) {
  if (file === undefined) names.delete(name)
  else names.set(name, file)
}

class DiskFile {
  #live = Buffer.alloc(0)
  #safe = Buffer.alloc(0)
  /** Since the last sync: the contents of each page after each write to it. */
  #versions = new Map()
  #lengths = []

  write(position, data) {
    const end = position + data.length
    if (end > this.#live.length) this.#resize(end)
    data.copy(this.#live, position)
    this.#keep(position, end)
  }

  truncate(length) {
    const before = this.#live.length
    this.#resize(length)
    // A page behind the end is zeros if the file grows again.
    this.#keep(Math.min(before, length), before)
  }

  sync() {
    this.#safe = Buffer.from(this.#live)
    this.#versions.clear()
    this.#lengths = []
  }

  content(below) {
    const chosen = below(this.#lengths.length + 1)
    const length = chosen === 0 ? this.#safe.length : this.#lengths[chosen - 1]
    const content = Buffer.alloc(length)
    this.#safe.copy(content)
    for (const [page, versions] of this.#versions) {
      const start = page * PAGE_BYTES
      const before = pageOf(this.#safe, page)
      const any = () => [before, ...versions][below(versions.length + 1)]
      const isTorn = below(10) < TORN_OF_TEN
      const whole = any()
      for (let sector = 0; sector < PAGE_BYTES; sector += SECTOR_BYTES) {
        const version = isTorn ? any() : whole
        if (start + sector < length) version.copy(content, start + sector, sector, sector + SECTOR_BYTES)
      }
    }
    return content
  }

  #resize(length) {
    const resized = Buffer.alloc(length)
    this.#live.copy(resized)
    this.#live = resized
    this.#lengths.push(length)
  }

  #keep(start, end) {
    for (let page = Math.floor(start / PAGE_BYTES); page * PAGE_BYTES < end; page += 1) {
      const versions = this.#versions.get(page) ?? []
      versions.push(pageOf(this.#live, page))
      this.#versions.set(page, versions)
    }
  }
}

/** A copy, with zeros behind the end. */
function pageOf(content, page) {
  const copy = Buffer.alloc(PAGE_BYTES)
  if (page * PAGE_BYTES < content.length) content.copy(copy, 0, page * PAGE_BYTES)
  return copy
}
