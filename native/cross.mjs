// Compiles the addon for another platform with Debian's cross compilers and puts it among the prebuilt binaries:
//   node native/cross.mjs arm64    Linux on arm64 (g++-aarch64-linux-gnu)
//   node native/cross.mjs win32    Windows on x64 (g++-mingw-w64-x86-64-posix), experimental

import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { root } from './paths.mjs'

const nodeRequire = createRequire(import.meta.url)

const TARGETS = {
  arm64: {
    arch: 'arm64',
    prefix: 'aarch64-linux-gnu-',
    binary: 'linux-arm64/hadamard.glibc.node',
    definitions: () => ({
      CMAKE_SYSTEM_NAME: 'Linux',
      CMAKE_SYSTEM_PROCESSOR: 'aarch64',
      CMAKE_CXX_COMPILER: 'aarch64-linux-gnu-g++',
      CMAKE_MODULE_LINKER_FLAGS: '-static-libstdc++',
    }),
  },
  win32: {
    arch: 'x64',
    prefix: 'x86_64-w64-mingw32-',
    binary: 'win32-x64/hadamard.node',
    definitions: (out) => ({
      CMAKE_SYSTEM_NAME: 'Windows',
      CMAKE_SYSTEM_PROCESSOR: 'AMD64',
      CMAKE_CXX_COMPILER: 'x86_64-w64-mingw32-g++-posix',
      // This compiler aligns the stack to 16 bytes alone; the moves of wider vectors must not ask for more.
      CMAKE_CXX_FLAGS: '-Wa,-muse-unaligned-vector-move',
      CMAKE_MODULE_LINKER_FLAGS: '-static',
      CMAKE_CXX_STANDARD_LIBRARIES: importLibrary(out),
    }),
  },
}

// What the addon calls lies in node.exe; Linux needs no such list.
function importLibrary(out) {
  const library = join(out, 'libnode.a')
  const definitions = join(dirname(nodeRequire.resolve('node-api-headers')), 'def', 'node_api.def')
  execFileSync('x86_64-w64-mingw32-dlltool', ['-d', definitions, '-D', 'node.exe', '-l', library])
  return library
}

/**
 * Compiles for a target.
 *
 * @returns path of the stripped binary below prebuilds
 */
export function crossCompile(name) {
  const { arch, prefix, binary, definitions } = TARGETS[name]
  const out = join('build-cross', `cmake-${name}`)
  mkdirSync(join(root, out), { recursive: true })
  const cmakeJs = nodeRequire.resolve('cmake-js/bin/cmake-js')
  const options = ['compile', '-O', out, '-a', arch, '-p', String(availableParallelism()), '-l', 'error']
  const cmake = Object.entries(definitions(join(root, out))).map(([key, value]) => `--CD${key}=${value}`)
  const stdio = ['ignore', 'ignore', 'inherit']
  execFileSync(process.execPath, [cmakeJs, ...options, ...cmake], { cwd: root, stdio })
  const made = join(root, 'prebuilds', binary)
  mkdirSync(dirname(made), { recursive: true })
  execFileSync(`${prefix}strip`, ['-o', made, join(root, out, 'Release', 'hadamard.node')])
  return made
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const name = process.argv[2]
  if (name in TARGETS) console.log(`hadamard: made ${crossCompile(name).slice(root.length + 1)}`)
  else {
    console.error(`native/cross.mjs: expected one of ${Object.keys(TARGETS).join(', ')}; received ${name}`)
    process.exitCode = 1
  }
}
