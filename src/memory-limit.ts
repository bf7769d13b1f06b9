/** How much memory a process may still take: what the machine has left, and what its cgroup leaves of its limit. */

import { readFileSync } from 'node:fs'
import { freemem } from 'node:os'
import { dirname, join } from 'node:path'
import { DataError } from './errors.ts'

/** Bytes that are left, and of what. */
export interface MemoryLeft {
  readonly bytes: number
  readonly of: 'the available memory' | 'the memory limit of the cgroup'
}

/** Less than this is not worth reading files for. */
const WORTH_CHECKING = 64 * 2 ** 20

/** Files of a memory controller: its limit, its use, and the name of what can be dropped at once in its statistics. */
interface Controller {
  readonly mount: string
  readonly path: RegExp
  readonly limit: string
  readonly usage: string
  readonly droppable: RegExp
}

const controllers: readonly Controller[] = [
  {
    mount: 'sys/fs/cgroup',
    path: /^0::(\/.*)$/m,
    limit: 'memory.max',
    usage: 'memory.current',
    droppable: /^inactive_file (\d+)$/m,
  },
  {
    mount: 'sys/fs/cgroup/memory',
    path: /^\d+:(?:[\w,]*,)?memory(?:,[\w,]*)?:(\/.*)$/m,
    limit: 'memory.limit_in_bytes',
    usage: 'memory.usage_in_bytes',
    droppable: /^total_inactive_file (\d+)$/m,
  },
]

/**
 * The memory that is left, the least of what the machine and the cgroups around the process leave.
 *
 * @param root where `/proc` and `/sys` are
 */
export function memoryLeft(root = '/'): MemoryLeft {
  const machine = /^MemAvailable:\s+(\d+) kB$/m.exec(textOf(join(root, 'proc/meminfo')))
  const bytes = machine === null ? freemem() : 1024 * Number(machine[1])
  const limited = Math.min(...controllers.map((controller) => leftOf(controller, root)))
  return limited < bytes
    ? { bytes: limited, of: 'the memory limit of the cgroup' }
    : { bytes, of: 'the available memory' }
}

/**
 * Refuses what would not fit.
 *
 * @param parts bytes by what they are for, such as `data`
 * @throws DataError with the figures
 */
export function checkMemory(
  where: string,
  parts: Readonly<Record<string, number>>,
  left: () => MemoryLeft = memoryLeft,
): void {
  const total = Object.values(parts).reduce((sum, bytes) => sum + bytes, 0)
  if (total < WORTH_CHECKING) return
  const { bytes, of } = left()
  if (total <= bytes) return
  const shares = Object.entries(parts).map(([name, part]) => `${formatBytes(part)} of ${name}`)
  throw new DataError({
    code: 'HADAMARD_MEMORY',
    where,
    expected: `a need of at most ${formatBytes(bytes)}, what is left of ${of}`,
    received: shares.length === 1 ? shares[0] : `${formatBytes(total)}: ${shares.join(' and ')}`,
    cure: 'Use fewer rows or columns, or smaller layers',
  })
}

/**
 * Bytes for people.
 *
 * @example
 * formatBytes(3_500_000) // '3.5 MB'
 */
export function formatBytes(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB']
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3))
  return `${Number((bytes / 1000 ** power).toPrecision(3))} ${units[power]}`
}

// Limits hold for all below them: the process's own group and every one above it count.
function leftOf({ mount, path, limit, usage, droppable }: Controller, root: string): number {
  const found = path.exec(textOf(join(root, 'proc/self/cgroup')))
  if (found === null) return Infinity
  let least = Infinity
  for (let group = found[1]; ; group = dirname(group)) {
    const read = (name: string): string => textOf(join(root, mount, group, name))
    const [most, used] = [read(limit), read(usage)].map((text) =>
      /^\d+$/.test(text.trim()) ? Number(text) : NaN,
    )
    const free = Number(droppable.exec(read('memory.stat'))?.[1] ?? 0)
    if (most - used + free < least) least = Math.max(0, most - used + free)
    if (group === dirname(group)) return least
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
