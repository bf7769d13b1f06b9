/** The code blocks of Markdown pages. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..', '..')
const BLOCK = /^```([^\n]*)\n([^]*?)^```$/gm

/** A fenced block. */
export interface Snippet {
  readonly page: string
  /** Number of the block on its page, from 1. */
  readonly number: number
  /** What stands behind the fence first: `ts`, `sh`, `python`, … */
  readonly language: string
  /** The file of the repository that the block is a part of, where the fence names one. */
  readonly file?: string
  readonly code: string
}

/** The blocks of a page of the repository. */
export function snippetsOf(page: string): Snippet[] {
  const text = readFileSync(join(ROOT, page), 'utf8')
  return Array.from(text.matchAll(BLOCK), ([, info, code], i) => {
    const [language, file] = info.trim().split(/\s+/)
    return { page, number: i + 1, language, code, ...(file === undefined ? {} : { file }) }
  })
}
