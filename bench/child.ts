/**
 * Speaks with a measuring process: one line opens a case, each `run` repeats it and gives a rate. The processes are the
 * adapters in bench/rivals/ and bench/peak.cc; their side of the protocol is bench/rivals/protocol.{h,py,mjs}.
 */

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import type { Case } from './cases.ts'
import type { Meter, Peer } from './peer.ts'

/** A peer in a process of its own: of a case it needs the request only. */
export interface ChildPeer extends Peer {
  open(one: Pick<Case, 'request' | 'threads'>): Promise<Meter | string>
}

/** How long a process may take to load, and to open a case, which may compile it. */
const PATIENCE_MS = 180_000

/** A library that is measured chooses its kernels by the processor, whatever the environment makes it take elsewhere. */
const OWN_CHOICE = { OPENBLAS_CORETYPE: undefined, OPENBLAS_L2_SIZE: undefined }

/**
 * Starts a process that measures.
 *
 * @returns the peer, or why it cannot be had
 */
export async function startChild(
  name: string,
  command: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<ChildPeer | string> {
  const child = spawn(command[0], command.slice(1), {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...OWN_CHOICE, ...environment },
  })
  let complaint = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint = (complaint + text).slice(-2000)))
  child.on('error', (error) => (complaint = error.message))
  child.stdin.on('error', () => undefined)
  const ask = conversation(child.stdin, child.stdout)
  const reason = (answer: string): string =>
    answer.replace(/^no /, '') || complaint.trim().split('\n').at(-1) || 'it ended'
  const greeting = await ask()
  if (!greeting.startsWith('ready ')) {
    child.kill()
    return reason(greeting)
  }
  return {
    name,
    version: greeting.slice('ready '.length),
    async open({ request, threads }) {
      const answer = await ask(`${request} threads=${threads}`)
      if (answer !== 'ok') return reason(answer)
      return {
        rate: async (milliseconds) => {
          const text = await ask(`run ${milliseconds}`)
          const rate = Number(text)
          if (!(rate > 0)) throw new Error(`${name}: ${request}: ${reason(text)}`)
          return rate
        },
      } satisfies Meter
    },
    close: () => {
      child.stdin.end()
      child.kill()
    },
  }
}

// Asks in lines; the answer is empty where the process has ended or says nothing for too long.
function conversation(input: Writable, output: Readable): (line?: string) => Promise<string> {
  const answers: string[] = []
  let waiting: ((answer: string) => void) | undefined
  let hasEnded = false
  const lines = createInterface({ input: output })
  // Libraries print what they like: only these are answers.
  lines.on('line', (line) => {
    if (!/^(ready |ok$|no |[\d.e+-]+$)/.test(line)) return
    if (waiting === undefined) answers.push(line)
    else waiting(line)
  })
  lines.on('close', () => {
    hasEnded = true
    waiting?.('')
  })
  return (line) => {
    if (line !== undefined) input.write(`${line}\n`)
    const ready = answers.shift()
    if (ready !== undefined) return Promise.resolve(ready)
    if (hasEnded) return Promise.resolve('')
    return new Promise((resolve) => {
      const timer = setTimeout(() => waiting?.(''), PATIENCE_MS)
      waiting = (answer) => {
        clearTimeout(timer)
        waiting = undefined
        resolve(answer)
      }
    })
  }
}
