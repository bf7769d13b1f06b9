/** Names of temporary files and folders. They tell whose they are, so that the next process removes what a killed one has left. */

import { createHash, randomBytes } from 'node:crypto'
import { readlinkSync } from 'node:fs'
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'

const FOLDER = 'hadamard-'
const DAY_MS = 24 * 60 * 60 * 1000

let place: string | undefined
const cleared = new Set<string>()

/**
 * A temporary folder of its own.
 *
 * @param parent where it is made, default the folder of temporary files
 */
export async function temporaryFolder(parent = tmpdir()): Promise<string> {
  const path = await temporaryPath(parent)
  await mkdir(path, { mode: 0o700 })
  return path
}

/** The path of such a folder, for whoever makes it. */
export async function temporaryPath(parent = tmpdir()): Promise<string> {
  if (!cleared.has(parent)) {
    cleared.add(parent)
    const folders = (await namesIn(parent)).filter(
      (name) => name.startsWith(FOLDER) && isOfThePast(name.slice(FOLDER.length)),
    )
    await Promise.all(folders.map((name) => removed(join(parent, name))))
  }
  return join(parent, temporaryName())
}

/** The name of such a folder. */
export function temporaryName(): string {
  return FOLDER + ownMark()
}

/** A file beside another, to be renamed when it is complete: no two writers have the same, whatever machines they run on. */
export function temporaryBeside(path: string): string {
  return `${path}.${ownMark()}.tmp`
}

/** Removes such files of writers that are gone. Of other machines', whose processes cannot be asked after, those that are a day old. */
export async function removeLeftovers(path: string): Promise<void> {
  const [folder, start] = [dirname(path), `${basename(path)}.`]
  for (const name of await namesIn(folder)) {
    if (!name.startsWith(start) || !name.endsWith('.tmp')) continue
    const mark = name.slice(start.length, -'.tmp'.length)
    const file = join(folder, name)
    if (isOfThePast(mark) || (isOfElsewhere(mark) && (await isOld(file)))) await removed(file)
  }
}

function ownMark(): string {
  return `${placeOfProcesses()}-${process.pid}-${randomBytes(6).toString('hex')}`
}

function partsOf(mark: string): { place?: string; pid?: string } {
  return /^(?<place>[0-9a-f]{8})-(?<pid>\d{1,10})-[0-9a-f]{12}$/.exec(mark)?.groups ?? {}
}

// Whether a mark is that of a process that was here.
function isOfThePast(mark: string): boolean {
  const { place, pid } = partsOf(mark)
  return place === placeOfProcesses() && !isAlive(Number(pid))
}

function isOfElsewhere(mark: string): boolean {
  const { place } = partsOf(mark)
  return place !== undefined && place !== placeOfProcesses()
}

// The machine, or the part of it that numbers its own processes, as a container does.
function placeOfProcesses(): string {
  return (place ??= createHash('sha256')
    .update(`${hostname()} ${processNamespace()}`)
    .digest('hex')
    .slice(0, 8))
}

function processNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return ''
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

async function isOld(path: string): Promise<boolean> {
  const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity }))
  return Date.now() - mtimeMs > DAY_MS
}

// Nothing depends on leftovers: of a folder that cannot be listed, or a file of another user, nothing is told.
function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => [])
}

function removed(path: string): Promise<void> {
  return rm(path, { recursive: true, force: true }).catch(() => undefined)
}
