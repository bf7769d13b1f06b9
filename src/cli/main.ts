#!/usr/bin/env node
/** The command line: one command per file; exit code 0 is success, 1 wrong input, 2 a bug. */

import { endOnClosedPipe } from './outcome.ts'
import { runLine } from './program.ts'

endOnClosedPipe()
await runLine(process.argv.slice(2))
