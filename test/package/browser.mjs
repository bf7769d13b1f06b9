// Bundles programs with esbuild for browsers and runs them on pages of Debian's Chromium: XOR, and the example.

import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { chromium } from 'playwright-core'
import { check, ROOT, xor } from './project.mjs'

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

// What the example says when it is done, and how many colours it has drawn; nothing before.
const EXAMPLE_STATE = `(() => {
  const state = document.querySelector('#state').textContent
  if (!state.startsWith('epoch 200:')) return ''
  const pixels = document.querySelector('canvas').getContext('2d').getImageData(0, 0, 64, 64).data
  return state + '; ' + new Set(new Uint32Array(pixels.buffer)).size + ' colours'
})()`

export async function checkBrowser(project) {
  writeFileSync(join(project, 'page.mjs'), xor('document.title = ('))
  const script = await bundled(project, 'page.mjs')
  check(
    'esbuild bundles for browsers, without a module of Node',
    !/from ?"node:|require\("node:/.test(script),
  )
  console.log(`the bundle of a page: ${Math.round(script.length / 1024)} KiB, minified`)
  cpSync(join(ROOT, 'examples', 'browser', 'main.ts'), join(project, 'example.ts'))
  const example = await bundled(project, 'example.ts')
  if (!existsSync(CHROMIUM)) {
    check('Chromium trains the bundles', false, `expected ${CHROMIUM}; found none. Install Debian's chromium`)
    return
  }
  const blank = '<title>?</title><script type="module" src="main.js"></script>'
  const title = await answerOf({ '/': blank, '/main.js': script }, 'document.title', '?')
  check('Chromium trains the bundle', title === 'fallback 1 11', title)
  // A page that forbids WebAssembly leaves products to TypeScript.
  const strict = await answerOf(
    { '/': blank, '/main.js': script },
    'document.title',
    '?',
    "script-src 'self'",
  )
  check('Chromium trains the bundle under a strict content security policy', strict === title, strict)
  const html = readFileSync(join(ROOT, 'examples', 'browser', 'index.html'), 'utf8')
  const said = await answerOf({ '/': html, '/main.js': example }, EXAMPLE_STATE, '')
  const [, accuracy, colours] = /^epoch 200: ([\d.]+) % .*; (\d+) colours$/.exec(said) ?? []
  check("Chromium trains the example's two spirals and draws them", accuracy > 95 && colours > 10, said)
}

// The bundle's text. The program lies in the project, where the installed package is found.
async function bundled(project, name) {
  const options = { bundle: true, format: 'esm', minify: true, platform: 'browser', logLevel: 'warning' }
  const { outputFiles } = await build({ ...options, entryPoints: [join(project, name)], write: false })
  return outputFiles[0].text
}

// Serves the files on the loopback and opens their page; the value of an expression when it is another than at first, or
// the page's errors. A content security policy goes with the files where there is one.
async function answerOf(files, expression, first, policy) {
  const server = createServer((request, response) => {
    const type = request.url.endsWith('.js') ? 'text/javascript' : 'text/html'
    if (policy !== undefined) response.setHeader('content-security-policy', policy)
    if (request.url in files) response.setHeader('content-type', type).end(files[request.url])
    else response.writeHead(404).end()
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
    const changed = `${expression} !== ${JSON.stringify(first)}`
    await page.waitForFunction(changed, undefined, { timeout: 60_000 }).catch(() => undefined)
    return errors.length === 0 ? await page.evaluate(expression) : errors.join('\n')
  } finally {
    await context.close()
    server.close()
    rmSync(profile, { recursive: true, force: true })
  }
}
