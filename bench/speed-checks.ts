/** Runs a target: measures its cases with this library and the rivals that are present, and judges the figures. */

import { cpus } from 'node:os'
import { casesOf } from './cases.ts'
import { CHECK_PACES, measure, type Result } from './measure.ts'
import { ourPeers } from './ours.ts'
import { measurePeak, type Peak } from './peak.ts'
import { startRivals } from './rivals/table.ts'
import type { Target } from './targets.ts'

/** What a check prints, and whether all that could be decided is met. */
export interface Outcome {
  readonly text: string
  readonly isMet: boolean
}

/** Measures and judges a target. */
export async function runTarget(target: Target): Promise<Outcome> {
  const { isOf, isThreaded = false, ours = ['hadamard-native'], rivals, goals } = target
  const all = cpus().length
  const results: Result[] = []
  const peaks = new Map<number, Peak | undefined>()
  const missing = new Set<string>()
  for (const threads of new Set(isThreaded ? [1, all] : [1])) {
    const cases = casesOf(threads).filter(isOf)
    const found = await measurePeak(threads)
    if (typeof found === 'string') missing.add(`no share of the peak: ${found}`)
    const gauge = typeof found === 'string' ? undefined : found
    peaks.set(threads, gauge?.peak)
    const tasks = new Set(cases.map(({ task }) => task))
    const { peers, absent } = await startRivals(threads, { tasks, names: rivals })
    for (const text of absent) missing.add(text)
    const own = ourPeers().filter(({ name }) => ours.includes(name))
    results.push(...(await measure(cases, [...own, ...peers], CHECK_PACES, { gauge })))
    gauge?.close()
    for (const peer of peers) peer.close()
  }
  const verdicts = goals.flatMap((goal) => goal({ results, peaks, threads: all }))
  const lines = verdicts.map(
    ({ text, isMet }) => `  ${isMet === undefined ? '  –   ' : isMet ? 'met   ' : 'MISSED'} ${text}`,
  )
  return {
    text: ['', ...lines, ...[...missing].map((text) => `         ${text}`), ' '].join('\n'),
    isMet: verdicts.every(({ isMet }) => isMet !== false),
  }
}
