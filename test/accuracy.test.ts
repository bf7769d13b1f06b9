/** What is learnt: scores on real data at least as good as those of a linear model and a small network elsewhere. */

import { describe, expect, test } from 'vitest'
import type { TrainOptions } from '../src/index.ts'
import { meanScore, referenceCases, SEEDS, type ReferenceCase } from './support/reference-scores.ts'

describe('mean test score of 5 seeds', () => {
  // The fallback is the same arithmetic, slower: on the larger sets one seed shows that it runs.
  const isFallback = process.env.HADAMARD_BACKEND === 'fallback'
  const seedsOf = ({ name }: ReferenceCase): readonly number[] =>
    isFallback && ['diamonds', 'digits'].includes(name) ? [0] : SEEDS
  test.each(referenceCases)(
    '$name: the reference settings are as good as the reference',
    async (one) => {
      const options: TrainOptions = { ...one.options, l2: 0, validation: 0 }
      const { mean, least } = await meanScore({ ...one, options }, seedsOf(one))
      expect(mean, `mean ${mean}, at least ${least}`).toBeGreaterThanOrEqual(least)
    },
    300_000,
  )

  // The recipe is a hundred times the work of the plain network.
  const presets = isFallback ? (['plain'] as const) : (['realmlp', 'plain'] as const)
  const defaults = referenceCases
    .filter(({ name }) => name !== 'diamonds')
    .flatMap((one) => presets.map((preset) => ({ ...one, preset })))
  test.each(defaults)(
    '$name: the defaults of $preset are as good too',
    async ({ preset, ...one }) => {
      const options = { target: one.options.target, preset }
      const seeds = preset === 'plain' ? seedsOf(one) : SEEDS.slice(0, one.name === 'digits' ? 1 : 2)
      const { mean, least } = await meanScore({ ...one, options }, seeds)
      expect(mean, `mean ${mean}, at least ${least}`).toBeGreaterThanOrEqual(least)
    },
    300_000,
  )

  test.skipIf(isFallback)(
    'diamonds: a few epochs with the defaults are as good as the reference',
    async () => {
      const diamonds = referenceCases[5]
      const { mean, least } = await meanScore({ ...diamonds, options: { target: 'price', epochs: 15 } }, [0])
      expect(mean, `mean ${mean}, at least ${least}`).toBeGreaterThanOrEqual(least)
    },
    300_000,
  )
})
