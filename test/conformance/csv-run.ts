/** `npm run -s conformance:csv -- DIR`: reads every file of a folder's manifest.json and prints a line for each. */

import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { checkCsvCase, parseManifest, type CsvCase } from './csv-case.ts'
import { report } from './report.ts'

/** Writes the files that a manifest marks as generated. */
const GENERATOR = 'make_big.mjs'

const made = mkdtempSync(join(tmpdir(), 'hadamard-csv-'))
try {
  await report({}, ({ folder, backend }) => {
    const cases = parseManifest(readFileSync(join(folder, 'manifest.json'), 'utf8'))
    const isMissing = ({ file, generated }: CsvCase): boolean =>
      generated === true && !existsSync(join(folder, file))
    const hasGenerator = existsSync(join(folder, GENERATOR))
    // What the generator does not write either is the case of a file that is not there.
    if (hasGenerator && cases.some(isMissing)) {
      execFileSync(process.execPath, [resolve(folder, GENERATOR), made], { stdio: 'ignore' })
    }
    const wasGenerated = hasGenerator || cases.some((entry) => entry.generated === true && !isMissing(entry))
    return cases.map((entry) => [
      entry.file,
      async () => {
        if (isMissing(entry) && !wasGenerated) return { needs: GENERATOR }
        await checkCsvCase(entry, join(isMissing(entry) ? made : folder, entry.file), backend)
        return { ok: true }
      },
    ])
  })
} finally {
  rmSync(made, { recursive: true, force: true })
}
