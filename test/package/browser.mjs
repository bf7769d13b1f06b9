// Bundles a program with esbuild for browsers and runs it on a page of Debian's Chromium.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { chromium } from 'playwright-core'
import { check, xor } from './project.mjs'

const CHROMIUM = '/usr/bin/chromium'
// Without these Chromium calls home at every start.
const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export async function checkBrowser(project) {
  const entry = join(project, 'page.mjs')
  const outfile = join(project, 'page.js')
  writeFileSync(entry, xor('document.title = ('))
  const bundle = { entryPoints: [entry], outfile, bundle: true, format: 'esm', minify: true }
  await build({ ...bundle, platform: 'browser', logLevel: 'warning' })
  const text = readFileSync(outfile, 'utf8')
  check('esbuild bundles for browsers, without a module of Node', !/from ?"node:|require\("node:/.test(text))
  console.log(`the bundle of a page: ${Math.round(text.length / 1024)} KiB, minified`)
  if (!existsSync(CHROMIUM)) {
    check(`Chromium trains the bundle`, false, `expected ${CHROMIUM}; found none. Install Debian's chromium`)
    return
  }
  const title = await titleOf(text)
  check('Chromium trains the bundle', title === 'fallback 1 11', title)
}

// Serves the bundle on the loopback and waits for the page's title.
async function titleOf(script) {
  const server = createServer((request, response) => {
    const isScript = request.url === '/page.js'
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
    response.end(isScript ? script : '<title>?</title><script type="module" src="/page.js"></script>')
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const profile = mkdtempSync(join(tmpdir(), 'hadamard-chromium-'))
  const options = { executablePath: CHROMIUM, headless: true, args: QUIET }
  const context = await chromium.launchPersistentContext(profile, options)
  try {
    const page = await context.newPage()
    const errors = []
    page.on('pageerror', (error) => errors.push(String(error)))
    await page.goto(`http://127.0.0.1:${server.address().port}/`)
    await page.waitForFunction('document.title !== "?"', { timeout: 60_000 }).catch(() => undefined)
    return errors.length === 0 ? await page.title() : errors.join('\n')
  } finally {
    await context.close()
    server.close()
    rmSync(profile, { recursive: true, force: true })
  }
}
