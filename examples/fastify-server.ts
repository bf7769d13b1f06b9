// A Fastify server that answers with a model and trains the next one without holding up other requests.
//
//     npx tsx examples/fastify-server.ts serve              listens on http://127.0.0.1:3000
//     npx tsx examples/fastify-server.ts [seconds, 5]       measures how late another route answers while it trains
//
// GET /health, POST /predict with a penguin, POST /train with { maxTime } in seconds, GET /train.

import { join } from 'node:path'
import Fastify, { type FastifyInstance } from 'fastify'
import { train } from 'hadamard'

type Penguin = Record<string, string | number | null>

const file = join(import.meta.dirname, 'data', 'penguins.csv')

async function createServer(): Promise<FastifyInstance> {
  let model = await train<Penguin>(file, { target: 'species', seed: 1 })
  const training = { isRunning: false, epoch: 0, done: 0 }
  const stop = new AbortController()

  // It is not awaited: requests go on being answered by the model of before.
  const startTraining = (maxTime: number): void => {
    training.isRunning = true
    // So much patience, and so many epochs, that the clock ends it.
    const options = {
      target: 'species',
      epochs: 1e9,
      patience: 1e9,
      maxTime,
      signal: stop.signal,
      seed: training.done + 2,
    }
    train<Penguin>(file, { ...options, onEpoch: ({ epoch }) => (training.epoch = epoch) })
      .then((trained) => (model = trained))
      .then(() => training.done++)
      .catch((error: unknown) => server.log.error(error))
      .finally(() => (training.isRunning = false))
  }

  const server = Fastify()
  server.addHook('onClose', () => stop.abort())
  server.get('/health', () => ({ ok: true }))
  server.get('/train', () => training)
  server.post<{ Body: Penguin }>('/predict', ({ body }, reply) => {
    try {
      return model.predictOne(body)
    } catch (error) {
      return reply.code(400).send({ error: (error as Error).message })
    }
  })
  server.post<{ Body: { maxTime?: number } | null }>('/train', ({ body }, reply) => {
    if (training.isRunning) return reply.code(409).send({ error: 'a training is under way' })
    startTraining(body?.maxTime ?? 60)
    return reply.code(202).send(training)
  })
  return server
}

/** How long requests of /health take, one after the other for so many seconds: median and 99th percentile in milliseconds. */
async function latency(
  url: string,
  seconds: number,
): Promise<{ count: number; median: number; p99: number }> {
  const times: number[] = []
  const end = performance.now() + 1000 * seconds
  while (performance.now() < end) {
    const start = performance.now()
    await (await fetch(`${url}/health`)).arrayBuffer()
    times.push(performance.now() - start)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  times.sort((a, b) => a - b)
  const at = (share: number): number => times[Math.floor(share * times.length)]
  return { count: times.length, median: at(0.5), p99: at(0.99) }
}

async function measure(server: FastifyInstance, seconds: number): Promise<void> {
  const url = await server.listen({ host: '127.0.0.1', port: 0 })
  const post = (path: string, body: object): Promise<Response> =>
    fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  const line = (when: string, { count, median, p99 }: Awaited<ReturnType<typeof latency>>): string =>
    `${when} ${count} requests, median ${median.toFixed(1)} ms, 99th percentile ${p99.toFixed(1)} ms`

  console.log(line('idle', await latency(url, Math.min(1, seconds))))
  await post('/train', { maxTime: 600 })
  console.log(line('training', await latency(url, seconds)))
  const { epoch } = (await (await fetch(`${url}/train`)).json()) as { epoch: number }
  console.log(
    `it was in epoch ${epoch} then; a second training is refused with ${(await post('/train', {})).status}`,
  )
  const penguin = {
    island: 'Dream',
    bill_length_mm: 39.5,
    bill_depth_mm: 17.4,
    flipper_length_mm: 186,
    body_mass_g: 3800,
    sex: null,
  }
  console.log('meanwhile', await (await post('/predict', penguin)).text())
  console.log('and wrong input', await (await post('/predict', { ...penguin, body_mass_g: 'heavy' })).text())
  await server.close()
}

const [mode = '5'] = process.argv.slice(2)
const server = await createServer()
if (mode === 'serve') console.log(await server.listen({ host: '127.0.0.1', port: 3000 }))
else await measure(server, Number(mode))
