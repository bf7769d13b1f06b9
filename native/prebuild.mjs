// Makes the prebuilt binary of this platform with prebuildify, unless it is up to date: npm runs a script called prebuild
// before every build, too. The binary that prebuildify moves away is put back for the clone to work on with.

import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readdirSync, utimesSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { binary, buildEnvironment, isUpToDate, root } from './paths.mjs'

const folder = join(root, 'prebuilds', `${process.platform}-${process.arch}`)

function prebuilt() {
  if (!existsSync(folder)) return undefined
  const name = readdirSync(folder).find((file) => file.endsWith('.node'))
  return name && join(folder, name)
}

const existing = prebuilt()
if (existing === undefined || !isUpToDate(existing)) {
  const prebuildify = createRequire(import.meta.url).resolve('prebuildify/bin.js')
  const options = ['--napi', '--strip', '--tag-libc']
  const { status, stderr } = spawnSync(process.execPath, [prebuildify, ...options], {
    cwd: root,
    // With the C++ library inside, the binary runs wherever the C library is new enough.
    env: { ...buildEnvironment(), LDFLAGS: process.platform === 'linux' ? '-static-libstdc++' : '' },
    encoding: 'utf8',
    maxBuffer: 64 * 2 ** 20,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const made = prebuilt()
  if (status !== 0 || made === undefined) {
    // Of a build that succeeds they are the warnings of a compiler about its own headers, by the thousand.
    console.error(stderr)
    console.error('hadamard: prebuildify made no binary; its messages stand above')
    process.exitCode = 1
  } else {
    const now = new Date()
    utimesSync(made, now, now)
    mkdirSync(dirname(binary), { recursive: true })
    if (!existsSync(binary)) copyFileSync(made, binary)
    console.log(`hadamard: made ${made.slice(root.length + 1)}`)
  }
}
