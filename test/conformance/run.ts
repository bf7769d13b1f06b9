/** `npm run -s conformance -- DIR`: runs every fixture of a folder and prints a line for each. */

import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { abilities } from '../../src/index.ts'
import { checkFixture, DTYPES, type Setting } from './check.ts'
import { parseFixture } from './fixture.ts'
import { report } from './report.ts'

await report({ dtype: DTYPES }, ({ folder, backend, flags }) => {
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'))
  return files.sort().map((file) => [
    basename(file, '.json'),
    () => {
      const fixture = parseFixture(readFileSync(join(folder, file), 'utf8'))
      const missing = fixture.needs.find((need) => !abilities.includes(need))
      if (missing !== undefined) return { needs: missing }
      checkFixture(fixture, { backend, dtype: flags.dtype as Setting['dtype'] })
      return { ok: true }
    },
  ])
})
