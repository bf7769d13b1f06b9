/** `npm run generate -- --rows N --shape higgs|adult|wide [--output FILE] [--seed N]`: CSV files of any size, in bounded memory. */

import { createWriteStream } from 'node:fs'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { pathToFileURL } from 'node:url'
import { randomStream, type RandomStream } from '../src/random.ts'

/** Names of the columns, and the spellings that the values of each are drawn from. */
interface Shape {
  about: string
  columns(stream: RandomStream): { name: string; values: string[] }[]
}

/** Values a column draws from. They repeat; rows of them hardly do. */
const VALUES = 4096

function numbers(name: string, column: number, stream: RandomStream, format: (value: number) => string) {
  const values = Array.from({ length: VALUES }, (_, i) => format(stream.normal(column * VALUES + i)))
  return { name, values }
}

function texts(name: string, distinct: number) {
  return { name, values: Array.from({ length: distinct }, (_, i) => `"${name} number ${i}"`) }
}

const textColumns = {
  workclass: 8,
  education: 16,
  marital: 7,
  occupation: 15,
  relationship: 6,
  race: 5,
  sex: 2,
  country: 41,
}

export const shapes: Readonly<Record<string, Shape>> = {
  higgs: {
    about: 'a label and 28 numbers of 17 digits, about 550 bytes a row',
    columns: (stream) => [
      { name: 'label', values: ['0', '1'] },
      ...Array.from({ length: 28 }, (_, i) => numbers(`feature${i + 1}`, i, stream, String)),
    ],
  },
  adult: {
    about: '6 numbers and 8 quoted texts',
    columns: (stream) => [
      ...['age', 'fnlwgt', 'years', 'gain', 'loss', 'hours'].map((name, i) =>
        numbers(name, i, stream, (value) => String(Math.round(Math.abs(value) * 10 ** ((i % 3) + 1)))),
      ),
      ...Object.entries(textColumns).map(([name, distinct]) => texts(name, distinct)),
    ],
  },
  wide: {
    about: '2,000 numbers of 7 digits',
    columns: (stream) =>
      Array.from({ length: 2000 }, (_, i) =>
        numbers(`x${i + 1}`, i % 64, stream, (value) => value.toFixed(6)),
      ),
  },
}

/** The file of a shape by pieces: the same for the same seed. */
export function* generate(shape: string, rows: number, seed = 1): Generator<string> {
  const columns = shapes[shape].columns(randomStream(seed, `generate.${shape}`))
  yield `${columns.map(({ name }) => name).join(',')}\n`
  let state = (seed * 2654435761 + 1) >>> 0
  let text = ''
  for (let row = 0; row < rows; row++) {
    columns.forEach(({ values }, column) => {
      // A linear congruential draw; its high bits choose the value.
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      const value = values[Math.floor((state / 2 ** 32) * values.length)]
      text += column === 0 ? value : `,${value}`
    })
    text += '\n'
    if (text.length < 2 ** 18) continue
    yield text
    text = ''
  }
  yield text
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rows: { type: 'string' },
      shape: { type: 'string', default: 'higgs' },
      output: { type: 'string' },
      seed: { type: 'string', default: '1' },
    },
  })
  const rows = Number(values.rows)
  const seed = Number(values.seed)
  if (
    !Number.isSafeInteger(rows) ||
    rows < 0 ||
    !Number.isSafeInteger(seed) ||
    !Object.hasOwn(shapes, values.shape)
  ) {
    const names = Object.entries(shapes).map(([name, { about }]) => `${name} (${about})`)
    console.error(
      `expected --rows N and --shape, one of ${names.join(', ')}; --output FILE and --seed N if you like`,
    )
    process.exitCode = 1
    return
  }
  const sink = values.output === undefined ? process.stdout : createWriteStream(values.output)
  for (const text of generate(values.shape, rows, seed)) if (!sink.write(text)) await once(sink, 'drain')
  if (values.output !== undefined) sink.end()
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main()
