/** Random CSV files, right and wrong ones, for comparisons of readers. */

import type { CsvOptions } from '../../src/data/csv.ts'

/** Integers in [0, bound) from a linear congruential generator: repeatable, and none of the library's own code. */
export function generator(seed: number): (bound: number) => number {
  let state = BigInt(seed)
  return (bound) => {
    state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n)
    return Number((state >> 33n) % BigInt(bound))
  }
}

export function randomNumber(draw: (bound: number) => number): string {
  const digits = (count: number): string => Array.from({ length: count }, () => draw(10)).join('')
  const sign = ['', '', '-', '+'][draw(4)]
  const exponent = (range: number): string => `${'eE'[draw(2)]}${['', '+', '-'][draw(3)]}${draw(range)}`
  switch (draw(8)) {
    case 0:
      return sign + digits(1 + draw(22))
    case 1:
      return `${sign}${digits(1 + draw(5))}.${digits(draw(12))}`
    case 2:
      return `${sign}.${digits(1 + draw(20))}`
    case 3:
      return `${sign}${digits(1 + draw(18))}${exponent(30)}`
    case 4:
      return `${sign}${digits(1)}.${digits(1 + draw(25))}${exponent(300)}`
    case 5:
      return `${sign}${digits(1)}.${digits(16)}e-${300 + draw(40)}`
    case 6:
      return `${sign}${'0'.repeat(draw(25))}.${'0'.repeat(draw(25))}${digits(1 + draw(18))}`
    default: {
      const words = new Uint32Array([draw(2 ** 31), draw(2 ** 31)])
      const value = new Float64Array(words.buffer)[0]
      return Number.isFinite(value) ? String(value) : '1'
    }
  }
}

export function randomCsv(draw: (bound: number) => number): Buffer {
  const columns = 1 + draw(4)
  const delimiter = [',', ';', '\t', '|'][draw(4)]
  const lineEnd = ['\n', '\r\n', '\r'][draw(3)]
  const names = Array.from({ length: columns }, (_, index) => `c${index}`)
  const kinds = Array.from({ length: columns }, () => draw(3))
  const rows = Array.from({ length: draw(12) }, () =>
    kinds.map((kind) => randomField(kind, delimiter, draw)).join(delimiter),
  )
  return Buffer.from([names.join(delimiter), ...rows].join(lineEnd) + lineEnd.repeat(draw(3)))
}

function randomField(kind: number, delimiter: string, draw: (bound: number) => number): string {
  const rare = [
    '',
    '',
    'NA',
    'nan',
    ' ',
    '""',
    'inf',
    '1e999',
    '"1"',
    `"x${delimiter}y"`,
    '"l\r\nm"',
    '"a""b"',
    '?',
    '\uFF21',
    '\u{1F427}',
  ]
  if (draw(40) === 0) return rare[draw(rare.length)]
  if (kind === 0) return randomNumber(draw)
  if (kind === 1) return ['red', ' green', '"blue"', 'é', '5" tall'][draw(5)]
  return rare[draw(6)]
}

export function mutate(source: Buffer, draw: (bound: number) => number): Buffer {
  const bytes = [...source]
  const alphabet = Buffer.from('",;\t|\r\n 0a.-eé\0\xFF')
  for (let edits = 1 + draw(3); edits > 0; edits--) {
    const position = draw(bytes.length + 1)
    const byte = alphabet[draw(alphabet.length)]
    if (draw(3) === 0) bytes.splice(position, 1)
    else if (draw(2) === 0) bytes.splice(position, 0, byte)
    else bytes[position] = byte
  }
  return Buffer.from(bytes)
}

export function randomOptions(draw: (bound: number) => number): CsvOptions {
  return {
    ...(draw(3) === 0 ? { delimiter: ([',', ';', '\t', '|'] as const)[draw(4)] } : {}),
    ...(draw(4) === 0 ? { header: false } : {}),
    ...(draw(4) === 0 ? { missing: ['?', 'red', 'a"b'] } : {}),
    ...(draw(4) === 0 ? { allowMissing: false } : {}),
    ...(draw(6) === 0 ? { types: { a: 'numeric' } as const } : {}),
  }
}
