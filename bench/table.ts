/** Results as text for people. */

import { dtypeOf } from './cases.ts'
import { lineOf, type Line, type Result } from './measure.ts'
import type { Peak } from './peak.ts'

/** Three significant digits, with k or M. */
export function format(value: number): string {
  const [scaled, suffix] =
    value >= 1e9
      ? [value / 1e9, ' G']
      : value >= 1e6
        ? [value / 1e6, ' M']
        : value >= 1e3
          ? [value / 1e3, ' k']
          : [value, '']
  return `${scaled.toFixed(scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2)}${suffix}`
}

/** GFLOP/s of a result; undefined where operations are not counted. */
export function gigaflops({ best, of }: Result): number | undefined {
  return of.flops === undefined ? undefined : (best * of.flops) / 1e9
}

/** The share of the machine's peak that a result reaches. */
export function shareOf(result: Result, peak: Peak): number | undefined {
  const reached = gigaflops(result)
  return reached === undefined ? undefined : reached / peak[dtypeOf(result.of)]
}

/** A result as a row of the printed table. */
export function rowOf(result: Result, peak: Peak | undefined): string {
  const line = lineOf(result)
  const reached = gigaflops(result)
  const share = peak && shareOf(result, peak)
  return [
    head(line),
    `${format(line.value)} ${line.unit}`.padStart(20),
    `median ${format(line.median)}`.padStart(16),
    reached === undefined ? '' : `${format(reached)} GFLOP/s`.padStart(16),
    share === undefined ? '' : `${(100 * share).toFixed(1)} %`.padStart(8),
  ].join(' ')
}

/** A line without its figures. */
export function head({
  peer,
  task,
  config,
  threads,
}: Pick<Line, 'peer' | 'task' | 'config' | 'threads'>): string {
  return `${task.padEnd(8)} ${config.padEnd(17)} ${threads} thread${threads > 1 ? 's' : ' '} ${peer.padEnd(24)}`
}
