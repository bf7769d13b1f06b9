// From a table as people have it to a service that answers: customers with ids, dates and missing values, 8 % of whom leave.
// On the command line the first half is:
//   npx hadamard train data/churn.csv --target churned --threshold f1 --validation 0.25
//   npx hadamard explain churn.model data/churn.csv
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DataError, loadModel, train } from 'hadamard'

// What `npx hadamard schema data/churn.csv --types` prints: with it a misspelled column is a compile error.
interface Customer {
  customer: number
  signed_up: string
  plan: string
  region: string | null
  monthly_fee: number
  calls_to_support: number
  minutes: number | null
  has_contract: string
  churned: string
}

const file = join(import.meta.dirname, 'data', 'churn.csv')
const options = { target: 'churned', threshold: 'f1', validation: 0.25, seed: 1 } as const
const trained = await train<Customer>(file, options)
const { test, columns, warnings } = trained.report
console.log(
  'left out:',
  columns.flatMap(({ name, reason }) => (reason === undefined ? [] : [`${name} (${reason})`])).join(),
)
for (const warning of warnings) console.log('note:', warning)
console.log(
  'balanced accuracy',
  test?.balancedAccuracy?.toFixed(2),
  'by guessing',
  test?.baseline.balancedAccuracy,
)
console.log(
  'PR-AUC',
  test?.averagePrecision?.toFixed(2),
  'by guessing',
  test?.baseline.averagePrecision?.toFixed(2),
)
console.log('of those who leave, found', test?.recall?.toFixed(2))

const { importance } = await trained.explain(file, { points: 0, metric: 'averagePrecision' })
console.log(
  'relies on',
  importance
    .slice(0, 3)
    .map(({ column }) => column)
    .join(', '),
)

// What is saved is loaded again as a server would on another machine.
const folder = await mkdtemp(join(tmpdir(), 'churn-'))
const path = join(folder, 'churn.model')
await trained.save(path)
let model = await loadModel<Customer>(path)

async function bodyOf(request: IncomingMessage): Promise<Customer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return JSON.parse(Buffer.concat(chunks).toString()) as Customer
}

const server = createServer((request, response) => {
  const answer = async (): Promise<[number, unknown]> => {
    if (request.url === '/reload') {
      // Hot swap: requests under way keep the model that they began with.
      model = await loadModel<Customer>(path)
      return [200, { epochs: model.report.epochs }]
    }
    const { prediction, probabilities } = model.predictOne(await bodyOf(request))
    return [200, { churned: prediction, risk: probabilities.yes }]
  }
  answer()
    .catch((error: unknown): [number, unknown] =>
      error instanceof DataError || error instanceof SyntaxError
        ? [400, { error: error.message }]
        : [500, { error: 'internal error' }],
    )
    .then(
      ([status, body]) => response.writeHead(status).end(JSON.stringify(body)),
      () => response.destroy(),
    )
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const { port } = server.address() as AddressInfo
const ask = async (body: unknown, route = '/'): Promise<Record<string, unknown>> => {
  const response = await fetch(`http://127.0.0.1:${port}${route}`, {
    method: 'POST',
    body: JSON.stringify(body),
  })
  return { status: response.status, ...((await response.json()) as object) }
}

const customer = {
  signed_up: '2024-03-01',
  plan: 'basic',
  region: null,
  monthly_fee: 31.5,
  calls_to_support: 7,
  minutes: 120,
  has_contract: 'no',
}
const unhappy = await ask(customer)
const content = await ask({ ...customer, calls_to_support: 0, has_contract: 'yes', minutes: 600 })
console.log('unhappy', unhappy.status, unhappy.churned, 'risk', Number(unhappy.risk).toFixed(2))
console.log('content', content.status, content.churned, 'risk', Number(content.risk).toFixed(2))
console.log('refused', await ask({ ...customer, plan: undefined, plam: 'basic' }))

// New data arrive: training goes on beside the running server, then the model is swapped between two requests.
const next = await model.fit(file, { epochs: 5, learningRate: 0.0003 })
await next.save(path)
const during = Array.from({ length: 50 }, () => ask(customer))
const reloaded = await ask({}, '/reload')
const answers = await Promise.all([...during, ask(customer)])
console.log(
  'swapped',
  reloaded.status,
  'answered',
  answers.filter(({ status }) => status === 200).length,
  'of',
  answers.length,
)

server.close()
await rm(folder, { recursive: true })
