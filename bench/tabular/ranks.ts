/** Means and ranks of scores. */

/** What a model reached on the test rows of a split. */
export interface Score {
  readonly set: string
  readonly model: string
  readonly repeat: number
  /** Accuracy or R². */
  readonly score: number
  /** Of reading, if it reads, encoding and fitting. */
  readonly seconds: number
  /** Training rows. */
  readonly rows: number
}

/** A model on one set. */
export interface Mean {
  readonly model: string
  readonly mean: number
  readonly deviation: number
  readonly secondsPer1000: number
}

/** Means over the splits of a set, best first. */
export function meansOf(scores: readonly Score[]): Mean[] {
  const models = [...new Set(scores.map(({ model }) => model))]
  return models
    .map((model): Mean => {
      const own = scores.filter((one) => one.model === model)
      const mean = average(own.map(({ score }) => score))
      const variance = average(own.map(({ score }) => (score - mean) ** 2))
      const secondsPer1000 = average(own.map(({ seconds, rows }) => (1000 * seconds) / rows))
      return { model, mean, deviation: Math.sqrt(variance), secondsPer1000 }
    })
    .sort((a, b) => b.mean - a.mean)
}

/** Rank of each model, 1 for the best, averaged over the sets; equal means share a rank. Best first. */
export function meanRanks(scores: readonly Score[]): [model: string, rank: number][] {
  const sets = [...new Set(scores.map(({ set }) => set))]
  const ranks = new Map<string, number[]>()
  for (const set of sets) {
    const means = meansOf(scores.filter((one) => one.set === set))
    for (const { model, mean } of means) {
      const better = means.filter((other) => other.mean > mean).length
      const equal = means.filter((other) => other.mean === mean).length
      ranks.set(model, [...(ranks.get(model) ?? []), better + (equal + 1) / 2])
    }
  }
  return [...ranks]
    .map(([model, all]): [string, number] => [model, average(all)])
    .sort(([, a], [, b]) => a - b)
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
