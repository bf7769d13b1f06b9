/**
 * `node csv.mjs READER FILE [THREADS]`: reads a CSV into batches and prints seconds, rows and a sum, one JSON line a run: of a file
 * of numbers rows of float32, of one with quoted texts its columns, texts as codes. What is known of the columns is found before.
 * READER is hadamard, hadamard-fallback, duckdb, udsv, papaparse, csv-parse or d3-dsv, for texts the first three or the last.
 * None is a dependency of the package but DuckDB, which its tests have.
 */

import { Buffer } from 'node:buffer'
import { performance } from 'node:perf_hooks'
import { createReadStream, openSync, readSync, readFileSync } from 'node:fs'

const [reader, path, threads = '1'] = process.argv.slice(2)
const RUNS = Number(process.env.HADAMARD_BENCH_RUNS ?? 3)

const head = Buffer.alloc(2 ** 17)
const lines = head.toString('latin1', 0, readSync(openSync(path), head)).split('\n')
const names = lines[0].split(',')
const columns = names.length
const isText = lines[1].split(',').map((value) => value.startsWith('"'))
const isMixed = isText.includes(true)

// Rows of texts into a batch, as whoever trains on them needs it.
function batchOf(rows) {
  const batch = new Float32Array(rows.length * columns)
  rows.forEach((row, i) => {
    for (let j = 0; j < columns; j++) batch[i * columns + j] = row[j]
  })
  return batch
}

async function hadamard(backend) {
  const { openCsv } = await import('../../dist/index.js')
  const { schema } = await openCsv(path)
  const dataset = await openCsv(path, { schema, backend, threads: Number(threads) })
  if (isMixed) return () => dataset.batches()
  return async function* () {
    for await (const { x } of dataset.numbers()) yield x
  }
}

async function duckdb() {
  const { DuckDBInstance } = await import('@duckdb/node-api')
  const instance = await DuckDBInstance.create(':memory:', { threads })
  const connection = await instance.connect()
  const types = []
  for (const [j, name] of names.entries()) {
    if (isText[j])
      await connection.run(`CREATE TYPE ${name} AS ENUM (SELECT DISTINCT ${name} FROM read_csv('${path}'))`)
    types.push(`'${name}': '${isText[j] ? name : 'DOUBLE'}'`)
  }
  const sql = `SELECT * FROM read_csv('${path}', header = true, delim = ',', columns = {${types.join(', ')}})`
  return async function* () {
    const result = await connection.stream(sql)
    for (let chunk = await result.fetchChunk(); chunk?.rowCount > 0; chunk = await result.fetchChunk()) {
      const rows = chunk.rowCount
      const items = names.map((_, j) => chunk.getColumnVector(j).items.subarray(0, rows))
      if (isMixed) {
        yield {
          rows,
          columns: items.map((values, j) => (isText[j] ? Int32Array.from(values) : values.slice())),
        }
        continue
      }
      const batch = new Float32Array(rows * columns)
      for (let j = 0; j < columns; j++) {
        for (let i = 0; i < rows; i++) batch[i * columns + j] = items[j][i]
      }
      yield batch
    }
  }
}

function d3Mixed(rows) {
  return names.map((_, j) => {
    if (!isText[j]) return Float64Array.from(rows, (row) => row[j])
    const codes = new Map()
    return Int32Array.from(rows, (row) => {
      if (!codes.has(row[j])) codes.set(row[j], codes.size)
      return codes.get(row[j])
    })
  })
}

const readers = {
  hadamard: () => hadamard('native'),
  'hadamard-fallback': () => hadamard('fallback'),
  duckdb,
  udsv: () => udsv,
  papaparse: () => papaparse,
  'csv-parse': () => csvParse,
  'd3-dsv': () => d3,
}

async function* udsv() {
  const { inferSchema, initParser } = await import('udsv')
  let parser
  const rows = []
  for await (const text of createReadStream(path, { encoding: 'utf8', highWaterMark: 2 ** 18 })) {
    parser ??= initParser(inferSchema(text))
    parser.chunk(text, parser.typedArrs, (row) => rows.push(row))
    yield batchOf(rows.splice(0))
  }
  parser.end()
  yield batchOf(rows)
}

async function* papaparse() {
  const { default: Papa } = await import('papaparse')
  const stream = createReadStream(path).pipe(Papa.parse(Papa.NODE_STREAM_INPUT, { header: false }))
  yield* batched(stream)
}

async function* csvParse() {
  const { parse } = await import('csv-parse')
  yield* batched(createReadStream(path).pipe(parse()))
}

async function* d3() {
  const { csvParseRows } = await import('d3-dsv')
  // It takes a whole text: the file must fit into one.
  const rows = csvParseRows(readFileSync(path, 'latin1')).slice(1)
  yield isMixed ? { rows: rows.length, columns: d3Mixed(rows) } : batchOf(rows)
}

async function* batched(stream) {
  let rows = []
  let isHead = true
  for await (const row of stream) {
    if (isHead) isHead = false
    else if (rows.push(row) === 8192) {
      yield batchOf(rows)
      rows = []
    }
  }
  yield batchOf(rows)
}

const read = await readers[reader]()
for (let run = 0; run < RUNS; run++) {
  const started = performance.now()
  const before = process.cpuUsage()
  let [rows, sum] = [0, 0]
  for await (const batch of read()) {
    rows += batch.rows ?? batch.length / columns
    // A last batch may hold nothing.
    sum += batch.rows === undefined ? (batch[0] ?? 0) : batch.rows
  }
  const { user, system } = process.cpuUsage(before)
  const seconds = (performance.now() - started) / 1000
  console.log(
    JSON.stringify({
      reader,
      threads: Number(threads),
      rows,
      seconds,
      cpuSeconds: (user + system) / 1e6,
      sum,
    }),
  )
}
