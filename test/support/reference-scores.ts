/** Real data with the scores that a linear model and a small network reach elsewhere, and the same job done here. */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { train, type TrainOptions } from '../../src/index.ts'

const data = (name: string): string => fileURLToPath(new URL(`../data/${name}`, import.meta.url))

/** A data set with settings and reference scores. */
export interface ReferenceCase {
  name: string
  options: TrainOptions
  /** Accuracy or R² of a linear model (scikit-learn 1.2.1). */
  linear: number
  /** Lower end of the same network's means over seeds (scikit-learn 1.2.1, PyTorch 1.13). */
  network: number
}

/** The settings are those that the reference scores were made with; the splits are the same rows. */
export const referenceCases: readonly ReferenceCase[] = [
  {
    name: 'digits',
    options: { target: 'digit', hidden: [64], learningRate: 0.003, batchSize: 64, epochs: 40 },
    linear: 0.956,
    network: 0.983,
  },
  {
    name: 'breast_cancer',
    options: { target: 'diagnosis', hidden: [16], learningRate: 0.003, batchSize: 32, epochs: 50 },
    linear: 0.965,
    network: 0.976,
  },
  {
    name: 'wine',
    options: { target: 'cultivar', hidden: [16], learningRate: 0.01, batchSize: 16, epochs: 60 },
    linear: 0.972,
    network: 0.994,
  },
  {
    name: 'penguins',
    options: { target: 'species', hidden: [16], learningRate: 0.005, batchSize: 32, epochs: 50 },
    linear: 1,
    network: 0.986,
  },
  {
    name: 'mpg',
    options: { target: 'hwy', hidden: [32], learningRate: 0.005, batchSize: 16, epochs: 100 },
    linear: 0.944,
    network: 0.943,
  },
  {
    name: 'diamonds',
    options: { target: 'price', hidden: [64, 32], learningRate: 0.002, batchSize: 256, epochs: 25 },
    linear: 0.916,
    network: 0.98,
  },
]

/** Seeds that scores are averaged over. */
export const SEEDS: readonly number[] = [0, 1, 2, 3, 4]
/** Runs the body with the path of a case's file; the largest is kept compressed and unpacked for the while. */
async function withFile<T>(name: string, body: (path: string) => Promise<T>): Promise<T> {
  if (name !== 'diamonds') return body(data(`${name}.csv`))
  const folder = await mkdtemp(join(tmpdir(), 'hadamard-'))
  try {
    const path = join(folder, 'diamonds.csv')
    await writeFile(path, gunzipSync(await readFile(data('diamonds.csv.gz'))))
    return await body(path)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Mean of the test scores (accuracy or R²) over seeds, and the least that is good enough. */
export async function meanScore(
  { name, options, linear, network }: ReferenceCase,
  seeds: readonly number[],
): Promise<{ mean: number; least: number }> {
  return withFile(name, async (path) => {
    let sum = 0
    let rows = 0
    for (const seed of seeds) {
      const { report } = await train(path, { ...options, split: data(`splits/${name}.json`), seed })
      sum += report.test?.accuracy ?? report.test?.r2 ?? NaN
      rows = report.task === 'classification' ? (report.test?.rows ?? NaN) : Infinity
    }
    return { mean: sum / seeds.length, least: Math.min(linear, network) - Math.max(0.02, 1 / rows) }
  })
}
