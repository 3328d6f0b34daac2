import { existsSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'
import { onTestFinished } from 'vitest'

const CHROMIUM = '/usr/bin/chromium'
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export const hasBrowser = existsSync(CHROMIUM)
if (!hasBrowser) console.log(`skipped: apt-get install chromium: there is no ${CHROMIUM}`)

/** A page with a log of what it has done. */
export interface LoggedPage {
  readonly page: Page
  /** Errors and warnings of the console, and uncaught errors. */
  readonly problems: string[]
  /** The hosts of all requests. */
  readonly hosts: Set<string>
}

let browser: Promise<Browser> | undefined

export async function closeBrowser(): Promise<void> {
  await (await browser)?.close()
  browser = undefined
}

/** Opens a page, which closes with the test. */
export async function openPage(url: string): Promise<LoggedPage> {
  browser ??= chromium.launch({ executablePath: CHROMIUM, headless: true, args: FLAGS })
  const page = await (await browser).newPage({ viewport: { width: 1_280, height: 1_000 } })
  onTestFinished(() => page.close())
  const problems: string[] = []
  const hosts = new Set<string>()
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) problems.push(message.text())
  })
  page.on('pageerror', (error) => problems.push(String(error)))
  page.on('request', (request) => hosts.add(new URL(request.url()).host))
  await page.goto(url)
  return { page, problems, hosts }
}
