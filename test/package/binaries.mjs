// Looks at the prebuilt binaries with binutils: what they export and the oldest glibc that they load on.

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { check, ROOT, run } from './project.mjs'

/** The newest glibc symbol that a binary may need; docs/platforms.md states it. */
const GLIBC_FLOOR = '2.34'
const EXPORTS = ['napi_register_module_v1', 'node_api_module_get_api_version_v1']

export async function checkBinaries() {
  const prebuilds = join(ROOT, 'prebuilds')
  const platforms = existsSync(prebuilds) ? readdirSync(prebuilds) : []
  for (const platform of platforms.filter((name) => name.startsWith('linux-'))) {
    for (const file of readdirSync(join(prebuilds, platform))) {
      const path = join(prebuilds, platform, file)
      const { output } = await run(ROOT, 'nm', ['-D', '--defined-only', path])
      const names = output
        .trim()
        .split('\n')
        .map((line) => line.split(' ').at(-1))
      check(
        `${platform}/${file} exports the two functions of Node-API alone`,
        String(names.sort()) === String(EXPORTS),
        output,
      )
      const { floor, needsLibrary } = await needs(path)
      check(
        `${platform}/${file} loads on glibc ${GLIBC_FLOOR}`,
        !isNewer(floor, GLIBC_FLOOR),
        `it needs ${floor}`,
      )
      check(`${platform}/${file} needs no C++ library`, !needsLibrary)
      console.log(`${platform}/${file}: glibc ${floor} and newer`)
    }
  }
}

async function needs(path) {
  const { output } = await run(ROOT, 'objdump', ['-p', path])
  const versions = [...output.matchAll(/GLIBC_(\d+\.\d+)/g)].map(([, version]) => version)
  const [floor = 'unknown'] = versions.sort((a, b) => (isNewer(a, b) ? -1 : 1))
  return { floor, needsLibrary: output.includes('libstdc++') }
}

function isNewer(a, b) {
  return a.localeCompare(b, 'en', { numeric: true }) > 0
}
