import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { closeBrowser, hasBrowser, openPage } from '../support/browser.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { Cli, runCli } from '../support/run-cli.js'
import { ownRuntimeDirectory, temporaryDirectory } from '../support/temporary-directory.js'
import { waitFor } from '../support/wait-for.js'

const PNG = Buffer.from('89504e470d0a1a0a', 'hex')
const HOSTILE = '<img src=x onerror="globalThis.injected=1">'
const CHARTS = 8
/** A busy machine answers late. */
const PATIENCE = { timeout: 60_000 }

beforeAll(ensureBuilt)
beforeEach(() => {
  ownRuntimeDirectory()
})
afterAll(closeBrowser)

async function startProcesses(): Promise<Record<'serve' | 'call' | 'silent', number>> {
  const start = async (role: string): Promise<number> => {
    const child = new Child('monitored', { args: [role], ipc: true })
    expect(await child.next()).toBe('ready')
    return child.process.pid ?? 0
  }
  return { serve: await start('serve'), call: await start('call'), silent: await start('silent') }
}

async function startMonitor(...args: string[]): Promise<{ cli: Cli; url: string }> {
  const cli = new Cli(['monitor', '--interval', '0.2', '--timeout', '30', ...args])
  await cli.printed('\n')
  return { cli, url: cli.out.trim() }
}

/** Waits until each chart has drawn a line: pixels of its colour. The script is a text, because the tests do not have the types of a browser. */
async function chartsDrawn(page: Page): Promise<void> {
  const condition = `(() => {
    const canvases = [...document.querySelectorAll('#charts canvas')]
    const isDrawn = (canvas) => {
      // A copy, because Chromium warns of repeated reads from a canvas.
      const copy = document.createElement('canvas')
      copy.width = canvas.width
      copy.height = canvas.height
      const context = copy.getContext('2d', { willReadFrequently: true })
      context.drawImage(canvas, 0, 0)
      const { data } = context.getImageData(0, 0, copy.width, copy.height)
      for (let at = 0; at < data.length; at += 4)
        if (data[at] === 0x0b && data[at + 1] === 0x5f && data[at + 2] === 0xd0 && data[at + 3] === 255) return true
      return false
    }
    return canvases.length === ${CHARTS} && canvases.every(isDrawn)
  })()`
  await waitFor(async () => expect(await page.evaluate(condition)).toBe(true), PATIENCE)
}

describe.skipIf(!hasBrowser)('the page of shmwire monitor, in Chromium', () => {
  it('shows processes, their channels and their figures, and changes nothing', async () => {
    const pids = await startProcesses()
    const { url } = await startMonitor()
    const { page, problems, hosts } = await openPage(url)
    await page.locator('#graph .node').nth(1).waitFor(PATIENCE)
    await page.locator('#graph .client').first().waitFor(PATIENCE)
    await chartsDrawn(page)
    const graph = (await page.locator('#graph').textContent()) ?? ''
    for (const text of [
      'monitored.mjs',
      '<img src=x',
      'prices',
      'jobs',
      'web',
      ...Object.values(pids).map(String),
    ])
      expect(graph).toContain(text)
    // The channels of prices with its two clients, and those of the topic and the queue.
    expect(await page.locator('#graph .edge').count()).toBe(2)
    expect(await page.locator('#totals').textContent()).toMatch(/Processes2Channels[4-9]/)
    expect(await page.locator('#notices').textContent()).toContain('prices: calls fail')
    expect(await page.locator('#rows tbody tr').count()).toBeGreaterThan(6)
    expect(await page.locator('#processes tbody tr').count()).toBe(2)
    expect(await page.locator('#status').textContent()).toBe('live')
    // Names of other processes are texts.
    expect(await page.locator('#rows').textContent()).toContain(`${HOSTILE}.sock`)
    expect(await page.locator('#processes').textContent()).toContain(HOSTILE)
    expect(await page.locator('img').count()).toBe(1)
    expect(await page.evaluate(() => 'injected' in globalThis)).toBe(false)
    expect(problems).toEqual([])
    expect([...hosts]).toEqual([new URL(url).host])
    // The token is no longer in the address bar, and the page can be loaded again.
    expect(page.url()).toBe(new URL('/', url).href)
    await page.reload()
    await page.locator('#graph .node').first().waitFor(PATIENCE)
  })

  it('selects a process with the keyboard, filters, sorts and pauses', async () => {
    const pids = await startProcesses()
    const { url } = await startMonitor()
    const { page, problems } = await openPage(url)
    const node = page.locator(`#graph [data-select="process ${pids.serve}"]`)
    await node.waitFor(PATIENCE)
    await node.focus()
    await page.keyboard.press('Enter')
    expect(await page.locator('#charts-title').textContent()).toBe(`${HOSTILE} ${pids.serve}`)
    const processes = await page.locator('#rows tbody td:nth-child(3)').allTextContents()
    expect(new Set(processes)).toEqual(new Set([`${pids.serve} ${HOSTILE}`]))
    // A new drawing does not take the focus.
    await page.waitForTimeout(500)
    expect(await page.evaluate(`document.activeElement.getAttribute('data-select')`)).toBe(
      `process ${pids.serve}`,
    )
    await page.keyboard.press('Escape')
    expect(await page.locator('#charts-title').textContent()).toBe('All processes')
    await page.locator('#filter').fill('queue')
    await waitFor(async () => expect(await page.locator('#rows tbody tr').count()).toBe(1), PATIENCE)
    await page.locator('#rows [data-sort="Name"]').click()
    expect(await page.locator('#rows th[aria-sort="ascending"]').textContent()).toBe('Name ▴')
    await page.locator('#pause').click()
    expect(await page.locator('#status').textContent()).toBe('paused')
    const before = await page.locator('#totals').textContent()
    await page.waitForTimeout(800)
    expect(await page.locator('#totals').textContent()).toBe(before)
    expect(problems).toEqual([])
  })

  it('downloads a picture', async () => {
    await startProcesses()
    const { url } = await startMonitor()
    const { page, problems } = await openPage(url)
    await page.locator('#graph .node').nth(1).waitFor(PATIENCE)
    await page.locator('#picture:enabled').waitFor(PATIENCE)
    const [download] = await Promise.all([page.waitForEvent('download'), page.locator('#picture').click()])
    expect(download.suggestedFilename()).toMatch(/^shmwire-\d{4}-\d\d-\d\dT\d{6}\.png$/)
    const bytes = readFileSync(await download.path())
    expect(bytes.subarray(0, PNG.length)).toEqual(PNG)
    expect(bytes.readUInt32BE(16)).toBe(2_800)
    expect(bytes.length).toBeGreaterThan(20_000)
    expect(problems).toEqual([])
  })

  it('says that nothing new arrives, also while it is paused', async () => {
    await startProcesses()
    const { cli, url } = await startMonitor()
    const { page } = await openPage(url)
    const status = page.locator('#status')
    await page.locator('#status[data-state="live"]').waitFor(PATIENCE)
    cli.process.kill('SIGSTOP')
    await page.locator('#status[data-state="lost"]').waitFor(PATIENCE)
    expect(await status.textContent()).toMatch(/^nothing new since \d\d:\d\d:\d\d$/)
    await page.locator('#pause').click()
    expect(await status.textContent()).toMatch(/^paused; nothing new since /)
    cli.process.kill('SIGCONT')
    await page.locator('#status[data-state="paused"]').waitFor(PATIENCE)
    expect(await status.textContent()).toBe('paused')
    await page.locator('#pause').click()
    expect(await status.textContent()).toBe('live')
  })

  it('shows rows with the same key, which a hostile process can make, once for each', async () => {
    const { url } = await startMonitor()
    const row = { key: 'k', node: 'process 1', kind: 'channel', name: 'twin', peer: '' }
    const empty = { nodes: [], edges: [], unanswered: [], omitted: 0, isFirst: false }
    const frame = JSON.stringify({ ...empty, atMs: 1_000, rows: [row, row] })
    const { page, problems } = await openPage(`${url.slice(0, url.indexOf('#'))}#`)
    await page.route('**/events', (route) =>
      route.fulfill({ contentType: 'text/event-stream', body: `event: frame\ndata: ${frame}\n\n`.repeat(3) }),
    )
    problems.length = 0
    await page.reload()
    await page.locator('#rows tbody tr').first().waitFor(PATIENCE)
    await page.locator('#status[data-state="lost"]').waitFor(PATIENCE)
    expect(await page.locator('#rows tbody tr').count()).toBe(2)
    expect(problems).toEqual([])
  })

  it('says that the token is wrong, and that the monitor has ended', async () => {
    const { cli, url } = await startMonitor()
    const { page: stranger } = await openPage(`${url.slice(0, url.indexOf('#'))}#wrong`)
    await stranger.locator('#status[data-state="fault"]').waitFor(PATIENCE)
    expect(await stranger.locator('#status').textContent()).toMatch(/^the token is missing or wrong/)
    const { page } = await openPage(url)
    await page.locator('#empty').waitFor(PATIENCE)
    cli.process.kill('SIGINT')
    expect(await cli.ended).toMatchObject({ code: 130, error: '' })
    await page.locator('#status[data-state="lost"]').waitFor(PATIENCE)
    expect(await page.locator('#status').textContent()).toMatch(/^the monitor .*; trying again$/)
  })
})

describe('shmwire monitor', () => {
  it('writes a picture without a browser', async () => {
    await startProcesses()
    const file = join(temporaryDirectory(), 'picture.svg')
    const result = await runCli(['monitor', '--picture', file, '--interval', '0.2', '--timeout', '30'])
    expect(result).toEqual({ code: 0, signal: null, out: '', error: '' })
    const svg = readFileSync(file, 'utf8')
    expect(svg).toMatch(/^<\?xml .*\n<svg [\s\S]*<\/svg>\n$/)
    expect(svg).toContain('monitored.mjs')
    expect(svg).not.toContain('<img')
  })

  it('refuses wrong arguments, and a file that it cannot write', async () => {
    expect(await runCli(['monitor', '--port', '0'])).toMatchObject({ code: 2, out: '' })
    expect(await runCli(['monitor', '--interval', '0.1'])).toMatchObject({
      code: 2,
      error: expect.stringContaining('--interval 0.1: it must be at least 0.2 seconds'),
    })
    expect(await runCli(['monitor', '--picture', 'a.svg', '--port', '8080'])).toMatchObject({ code: 2 })
    const missing = join(temporaryDirectory(), 'missing/a.svg')
    // At once: ten intervals would take ten minutes.
    const result = await runCli(['monitor', '--picture', missing, '--interval', '60'])
    expect(result).toMatchObject({
      code: 1,
      error: expect.stringContaining(`cannot write ${missing}: ENOENT`),
    })
  })
})
