/**
 * `node csv.mjs READER FILE [THREADS]`: reads a CSV of numbers to batches of float32 and prints seconds, rows and a sum, one JSON
 * line a run. READER is hadamard, hadamard-fallback, duckdb, udsv, papaparse, csv-parse or d3-dsv. None is a dependency of the package
 * but DuckDB, which its tests have.
 */

import { Buffer } from 'node:buffer'
import { performance } from 'node:perf_hooks'
import { createReadStream, openSync, readSync, readFileSync } from 'node:fs'

const [reader, path, threads = '1'] = process.argv.slice(2)
const RUNS = Number(process.env.HADAMARD_BENCH_RUNS ?? 3)

function namesOf() {
  const head = Buffer.alloc(2 ** 16)
  const text = head.toString('latin1', 0, readSync(openSync(path), head))
  return text.slice(0, text.indexOf('\n')).split(',')
}

// Rows of texts into a batch, as whoever trains on them needs it.
function batchOf(rows, columns) {
  const batch = new Float32Array(rows.length * columns)
  rows.forEach((row, i) => {
    for (let j = 0; j < columns; j++) batch[i * columns + j] = row[j]
  })
  return batch
}

async function hadamard(backend) {
  const { openCsv } = await import('../../dist/index.js')
  const schema = { columns: namesOf().map((name) => ({ name, type: 'numeric' })) }
  const dataset = await openCsv(path, { schema, backend, threads: Number(threads) })
  return (async function* () {
    for await (const { x } of dataset.numbers()) yield x
  })()
}

const readers = {
  hadamard: () => hadamard('native'),
  'hadamard-fallback': () => hadamard('fallback'),
  async *duckdb(columns) {
    const { DuckDBInstance } = await import('@duckdb/node-api')
    const instance = await DuckDBInstance.create(':memory:', { threads })
    const connection = await instance.connect()
    const types = namesOf().map((name) => `'${name}': 'DOUBLE'`)
    const sql = `SELECT * FROM read_csv('${path}', header = true, delim = ',', columns = {${types.join(', ')}})`
    const result = await connection.stream(sql)
    for (let chunk = await result.fetchChunk(); chunk?.rowCount > 0; chunk = await result.fetchChunk()) {
      const rows = chunk.rowCount
      const batch = new Float32Array(rows * columns)
      for (let j = 0; j < columns; j++) {
        const { items } = chunk.getColumnVector(j)
        for (let i = 0; i < rows; i++) batch[i * columns + j] = items[i]
      }
      yield batch
    }
  },
  async *udsv(columns) {
    const { inferSchema, initParser } = await import('udsv')
    let parser
    const rows = []
    for await (const text of createReadStream(path, { encoding: 'utf8', highWaterMark: 2 ** 18 })) {
      parser ??= initParser(inferSchema(text))
      parser.chunk(text, parser.typedArrs, (row) => rows.push(row))
      yield batchOf(rows.splice(0), columns)
    }
    parser.end()
    yield batchOf(rows, columns)
  },
  async *papaparse(columns) {
    const { default: Papa } = await import('papaparse')
    const stream = createReadStream(path).pipe(Papa.parse(Papa.NODE_STREAM_INPUT, { header: false }))
    yield* batched(stream, columns)
  },
  async *'csv-parse'(columns) {
    const { parse } = await import('csv-parse')
    yield* batched(createReadStream(path).pipe(parse()), columns)
  },
  async *'d3-dsv'(columns) {
    const { csvParseRows } = await import('d3-dsv')
    // It takes a whole text: the file must fit into one.
    yield batchOf(csvParseRows(readFileSync(path, 'latin1')).slice(1), columns)
  },
}

async function* batched(stream, columns) {
  let rows = []
  let isHead = true
  for await (const row of stream) {
    if (isHead) isHead = false
    else if (rows.push(row) === 8192) {
      yield batchOf(rows, columns)
      rows = []
    }
  }
  yield batchOf(rows, columns)
}

const columns = namesOf().length
for (let run = 0; run < RUNS; run++) {
  const started = performance.now()
  const before = process.cpuUsage()
  let [values, sum] = [0, 0]
  for await (const batch of await readers[reader](columns)) {
    values += batch.length
    sum += batch[0] ?? 0
  }
  const { user, system } = process.cpuUsage(before)
  const seconds = (performance.now() - started) / 1000
  console.log(
    JSON.stringify({
      reader,
      threads: Number(threads),
      rows: values / columns,
      seconds,
      cpuSeconds: (user + system) / 1e6,
      sum,
    }),
  )
}
