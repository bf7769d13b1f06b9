/** From which times on the rows of a large file are held out: the latest share of them, found exactly in one reading of their times. */

import type { Dataset } from '../data/dataset.ts'
import { dateForm, parseDate } from '../data/dates.ts'
import type { OpenCsvOptions } from '../data/open-options.ts'
import { RankedValues } from '../data/ranked-values.ts'
import type { SurveyedColumn, SurveyedRows, SurveyWatcher } from '../data/survey.ts'
import { inTurns, type Paced } from '../paced.ts'
import { givenMarks } from './given-rows.ts'
import { nearestCut, rowsBefore, timeMissing, timesAreOne, timesAreTexts } from './hold-out.ts'
import {
  heldOut,
  listedTexts,
  partNames,
  rowsWithAll,
  TEXTS_AT_ONCE,
  type TimeLimits,
  byCode,
} from './large-parts.ts'
import type { LargeSource } from './large-source.ts'
import { timeColumn, type TrainSettings } from './options.ts'
import { calibrationShare } from './parts.ts'
import { namingOption } from './read-source.ts'

/** The orders in which a column of texts may have day and month; where the year comes first both read the same. */
const orders = ['mdy', 'dmy'] as const
type Order = (typeof orders)[number]

/**
 * The limits of the parts, as {@link holdOutLatest} has them of a table; undefined where rows are not parted by time.
 *
 * @throws DataError as `holdOutLatest` does
 */
export async function findTimes(
  source: LargeSource,
  settings: TrainSettings,
  options: OpenCsvOptions,
): Promise<TimeLimits | undefined> {
  if (settings.splitBy === undefined) return undefined
  const column = timeColumn(settings.splitBy)
  // Of several passes the last one counts.
  const seen: { scan?: TimeScan } = {}
  try {
    const needed = { ...options, columns: neededColumns(column, settings), onReject: undefined }
    const open = (): Promise<Dataset> =>
      source.open(needed, (names) => {
        seen.scan?.close()
        seen.scan = new TimeScan(names, column, source.name, settings)
        return seen.scan
      })
    const targets = Object.fromEntries(settings.targets.map((name) => [name, undefined]))
    const dataset = await namingOption('target', targets, () =>
      namingOption('splitBy', { [column]: undefined }, open),
    )
    // Where a schema is given, this is what reads the rows.
    await dataset.describe()
    return seen.scan === undefined ? undefined : await inTurns(seen.scan.limits())
  } finally {
    seen.scan?.close()
  }
}

// Records that are left out for any of their values have no time here either; otherwise few columns do.
function neededColumns(column: string, { onError, targets }: TrainSettings): string[] | undefined {
  return (onError ?? 'fail') === 'fail' ? [...new Set([column, ...targets])] : undefined
}

class TimeScan implements SurveyWatcher {
  private readonly rankings = new Map<Order, RankedValues>(orders.map((order) => [order, new RankedValues()]))
  /** One text of each kind, by which the form of all is found. */
  private readonly witnesses = new Map<number, string>()
  private readonly listed
  private readonly listedTargets

  constructor(
    private readonly names: readonly string[],
    private readonly column: string,
    private readonly source: string,
    private readonly settings: TrainSettings,
  ) {
    this.listed = listedTexts(settings, column)
    this.listedTargets = settings.targets.map((target) => listedTexts(settings, target))
  }

  *add({ firstRow, rows, columns }: SurveyedRows): Paced<undefined> {
    const columnOf = (name: string): SurveyedColumn | undefined => columns[this.names.indexOf(name)]
    const times = columnOf(this.column)
    // A column that turns out to be another is read anew.
    if (times === undefined) return
    const isCounted = rowsWithAll(rows, this.settings.targets.map(columnOf), this.listedTargets)
    const { givenRows } = this.settings
    for (let row = 0; row < rows && givenRows !== undefined; row++)
      if (givenRows.markOf(firstRow + row) !== givenMarks.train) isCounted[row] = 0
    if ('values' in times) yield* this.rank(times.values, 'mdy', isCounted, firstRow)
    else {
      const moments = yield* this.momentsOf(times.texts)
      for (const order of this.rankings.keys())
        yield* this.rank(byCode(times.codes, rows, moments[order]), order, isCounted, firstRow)
    }
  }

  /** Which times are held out, once all have been seen. */
  *limits(): Paced<TimeLimits> {
    const order = dateForm([...this.witnesses.values()])?.order
    const ranking = this.rankings.get(order === 'dmy' ? order : 'mdy')
    const parts: { part: (typeof partNames)[number]; from: number }[] = []
    let rows = ranking?.count ?? 0
    for (const { part, share } of heldOut(this.settings, Infinity)) {
      if (ranking === undefined || rows === 0) break
      const name = partNames[part]
      const wanted = rowsBefore(rows, name === 'calibration' ? calibrationShare(rows) : share)
      const found = yield* ranking.at(wanted)
      const isBetween = wanted > 0 && found.below === wanted
      const [before, after] = isBetween ? [wanted, wanted] : [found.below, found.below + found.equal]
      const cut = nearestCut({ before, after, wanted, rows })
      if (cut === 0) throw timesAreOne(this.column)
      const { value } = cut === found.below ? found : yield* ranking.at(cut)
      parts.push({ part: name, from: value })
      rows = cut
    }
    return { ...(order === undefined ? {} : { order }), parts }
  }

  close(): void {
    for (const ranking of this.rankings.values()) ranking.close()
  }

  // In every order that all texts so far may be written in.
  private *momentsOf(texts: readonly string[]): Paced<Record<Order, Float64Array>> {
    const moments = { mdy: new Float64Array(texts.length), dmy: new Float64Array(texts.length) }
    for (const [code, text] of texts.entries()) {
      if (code % TEXTS_AT_ONCE === 0) yield
      if (this.listed?.has(text) === false) {
        moments.mdy[code] = moments.dmy[code] = NaN
        continue
      }
      const yearFirst = parseDate(text, 'ymd')
      const isYearFirst = !Number.isNaN(yearFirst)
      for (const order of orders) moments[order][code] = isYearFirst ? yearFirst : parseDate(text, order)
      this.witness(text, isYearFirst, moments.mdy[code], moments.dmy[code])
    }
    const given = [...this.witnesses.values()]
    if (given.length > 0 && dateForm(given) === undefined) throw timesAreTexts(this.column, given[0])
    for (const [order, ranking] of this.rankings) {
      if (given.every((text) => !Number.isNaN(parseDate(text, order)))) continue
      ranking.close()
      this.rankings.delete(order)
    }
    return moments
  }

  // Of texts of one kind the first tells as much as all.
  private witness(text: string, isYearFirst: boolean, monthFirst: number, dayFirst: number): void {
    const kind =
      (isYearFirst ? 1 : 0) +
      (Number.isNaN(monthFirst) ? 2 : 0) +
      (Number.isNaN(dayFirst) ? 4 : 0) +
      (monthFirst === dayFirst ? 8 : 0) +
      (/^\d{1,2}\//.test(text) ? 16 : 0)
    if (!this.witnesses.has(kind)) this.witnesses.set(kind, text)
  }

  private *rank(times: Float64Array, order: Order, isCounted: Uint8Array, firstRow: number): Paced<void> {
    const ranking = this.rankings.get(order)
    for (let row = 0; row < isCounted.length; row++) {
      if (isCounted[row] === 0) continue
      if (Number.isNaN(times[row])) throw timeMissing(this.source, firstRow + row, this.column)
      ranking?.add(times[row])
      if (row % TEXTS_AT_ONCE === 0) yield
    }
  }
}
