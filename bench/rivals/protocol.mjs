/** The child's side of bench/child.ts for JavaScript rivals. */

import { performance } from 'node:perf_hooks'
import { createInterface } from 'node:readline'

/** What each layer has: `8:tanh,1:logistic`. */
export function layersOf({ layers }) {
  return layers.split(',').map((layer) => {
    const [units, activation] = layer.split(':')
    return { units: Number(units), activation }
  })
}

/** Numbers in [−1, 1). */
export function samples(count) {
  let state = 1
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  })
}

/**
 * Answers requests until the input ends.
 *
 * @param open takes the fields of a request (numbers where they are numbers, and `kind`) and gives { call, items }, call
 *   may be asynchronous, or a reason why there is none
 */
export async function serve(version, open) {
  console.log(`ready ${version}`)
  let opened
  for await (const line of createInterface({ input: process.stdin })) {
    const [kind, ...words] = line.split(' ')
    try {
      if (kind === 'run') console.log(await rateOf(opened, Number(words[0])))
      else {
        opened = await open({ kind, ...Object.fromEntries(words.map(field)) })
        console.log(typeof opened === 'string' ? `no ${opened}` : 'ok')
      }
    } catch (error) {
      console.log(`no ${String(error).split('\n')[0]}`)
    }
  }
}

function field(word) {
  const [name, value] = word.split('=')
  return [name, value === '' || Number.isNaN(Number(value)) ? value : Number(value)]
}

// Items per second; calls are grouped so that the clock is read about every 50 µs.
async function rateOf({ call, items, isSynchronous = false }, milliseconds) {
  const start = performance.now()
  let calls = 0
  let stride = 1
  let [now, last] = [start, start]
  while (now - start < milliseconds) {
    if (isSynchronous) for (let i = 0; i < stride; i++) call()
    else for (let i = 0; i < stride; i++) await call()
    calls += stride
    now = performance.now()
    if (now - last < 0.05) stride *= 2
    last = now
  }
  return (items * calls * 1000) / (now - start)
}
