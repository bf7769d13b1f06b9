// Writes the public surface, as the types of dist declare it, to etc/*.api.md; with --check it says whether these are right.

import { Extractor, ExtractorConfig } from '@microsoft/api-extractor'
import { existsSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const REPORTS = join(ROOT, 'etc')
const TEMPORARY = join(ROOT, 'build', 'api')

/** Entry points by the name of their report. */
const ENTRIES = { hadamard: 'index', kernels: 'kernels' }

const isCheck = process.argv.includes('--check')
const silent = { logLevel: 'none' }

function configOf(name, entry) {
  return ExtractorConfig.prepare({
    packageJsonFullPath: join(ROOT, 'package.json'),
    configObjectFullPath: undefined,
    configObject: {
      projectFolder: ROOT,
      mainEntryPointFilePath: join(ROOT, 'dist', `${entry}.d.ts`),
      compiler: { tsconfigFilePath: join(ROOT, 'tsconfig.json') },
      newlineKind: 'lf',
      apiReport: {
        enabled: true,
        reportFileName: `${name}.api.md`,
        reportFolder: REPORTS,
        reportTempFolder: TEMPORARY,
        includeForgottenExports: true,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        compilerMessageReporting: { default: { logLevel: 'error' } },
        // Release tags are not used, and eslint and typedoc look at comments.
        extractorMessageReporting: { default: silent },
        tsdocMessageReporting: { default: silent },
      },
    },
  })
}

if (!existsSync(join(ROOT, 'dist', 'index.d.ts')))
  throw new Error('dist: expected the built package; run npm run build:ts')
mkdirSync(TEMPORARY, { recursive: true })
for (const [name, entry] of Object.entries(ENTRIES)) {
  const result = Extractor.invoke(configOf(name, entry), {
    localBuild: !isCheck,
    showVerboseMessages: false,
    messageCallback(message) {
      message.handled = message.logLevel === 'none' || message.messageId.startsWith('console-')
    },
  })
  const report = `etc/${name}.api.md`
  if (result.errorCount > 0) process.exitCode = 1
  if (!result.apiReportChanged) continue
  if (isCheck) {
    console.error(`${report} differs from the public API. If that is meant: npm run api`)
    process.exitCode = 1
  } else console.log(`${report} written`)
}
