/** Records that a command leaves out: the file that lists them, and the flags that ask for it. */

import type { CsvReject } from '../data/csv-stream.ts'
import { SpecError } from '../errors.ts'
import { plural } from '../model/design.ts'
import { writeNote } from './outcome.ts'
import { csvField, openSink } from './sink.ts'

/** What `--on-error` takes. */
export const onErrorRules = 'fail, skip them, or report each on standard error'

type Rule = 'fail' | 'skip' | 'report' | undefined

/** A list of rejects under way. */
export interface RejectList {
  add(reject: CsvReject): void
  /** Writes what has been added since. */
  flush(): Promise<void>
  /**
   * Ends the file, and says how many records were left out.
   *
   * @returns the warning of a report that says the same
   */
  end(): Promise<string | undefined>
  abandon(): Promise<void>
}

/** Refuses a list of records that nothing would leave out. */
export function checkRejects(rejects: string | undefined, onError: Rule): void {
  if (rejects === undefined || onError === 'skip' || onError === 'report') return
  throw new SpecError({
    code: 'HADAMARD_OPTION_CONFLICT',
    where: '--rejects',
    expected: '--on-error skip or report beside it',
    received: `--on-error ${onError ?? 'fail'}`,
  })
}

/**
 * Opens the list of records that are left out.
 *
 * @param path of the file, undefined for none
 * @param onError with `report` every record is also a line on standard error
 */
export async function openRejects(path: string | undefined, onError: Rule): Promise<RejectList> {
  const sink = path === undefined ? undefined : await openSink(path)
  await sink?.write('file,line,byte,column_number,column,value,expected,text,message\n')
  let waiting: string[] = []
  let count = 0
  const flush = async (): Promise<void> => {
    const lines = waiting.join('')
    waiting = []
    await sink?.write(lines)
  }
  return {
    add(reject) {
      count++
      if (onError === 'report') writeNote(reject.message)
      if (sink !== undefined) waiting.push(rejectLine(reject))
    },
    flush,
    async end() {
      try {
        await flush()
        await sink?.end()
      } catch (error) {
        await sink?.abandon()
        throw error
      }
      if (count === 0) return undefined
      const sentence = `${plural(count, 'wrong record')} left out`
      writeNote(path === undefined ? sentence : `${sentence}, see ${path}`)
      return `${sentence}.`
    },
    abandon: async () => sink?.abandon(),
  }
}

function rejectLine(reject: CsvReject): string {
  const { file, line, byteOffset, columnNumber = '', column = '', value, expected, text, message } = reject
  const fields = [
    csvField(file),
    line,
    byteOffset,
    columnNumber,
    ...[column, value, expected, text, message].map(csvField),
  ]
  return `${fields.join(',')}\n`
}
