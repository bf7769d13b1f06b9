/** `hadamard explain-step [MODEL]`: one step of gradient descent with every number, of a small network or of an example. */

import { Option, type Command } from 'commander'
import { SpecError } from '../errors.ts'
import { explainStep, notationNames, type Notation } from '../explain/explain-step.ts'
import { dense } from '../layers/dense.ts'
import { Network } from '../network.ts'
import type { Dtype } from '../ops/arithmetic.ts'
import { numberFlag, numbersFlag } from './flags.ts'

interface ExplainFlags {
  x?: number[]
  y?: number[]
  notation?: Notation
  learningRate: number
}

/** The worked example of CS 615, Deep Learning (Drexel): two linear layers without bias. */
const example = {
  x: [0.35, 0.9],
  y: [1],
  parameters: { 'dense1.weight': [0.1, 0.4, 0.8, 0.6], 'dense2.weight': [0.3, 0.9] },
} as const

/** Adds the command. */
export function addExplainStep(program: Command): void {
  const numbers = (flag: string, text: string): Option =>
    new Option(`${flag} <numbers>`, text).argParser(numbersFlag(flag))
  program
    .command('explain-step')
    .summary('write out one step of gradient descent, number by number')
    .description(
      'Write out one step of gradient descent on one row with every number and formula: net inputs, activations, loss, ' +
        'errors, gradients, updated weights. Without a model: a worked example of two inputs, two hidden units and one output.',
    )
    .argument('[model]', 'model file of at most 100 parameters')
    .addOption(numbers('--x', "the row, as the network's inputs, with commas between (encoded, not raw)"))
    .addOption(numbers('--y', 'its targets, one per output, with commas between'))
    .addOption(
      new Option('--notation <name>', 'whose symbols (default: bishop; for the example cs615)').choices(
        notationNames,
      ),
    )
    .addOption(
      new Option('--learning-rate <number>', 'of the step')
        .argParser(numberFlag('--learning-rate'))
        .default(0.1),
    )
    .action(runExplain)
}

async function runExplain(path: string | undefined, flags: ExplainFlags): Promise<void> {
  const { notation = path === undefined ? 'cs615' : 'bishop', learningRate } = flags
  const network = path === undefined ? exampleNetwork() : await Network.load(path)
  const given = path === undefined ? { ...example, ...flags } : flags
  const [x, y] = [required('--x', given.x), required('--y', given.y)]
  process.stdout.write(`${explainStep(network, [x], [y], { notation, learningRate })}\n`)
}

function exampleNetwork(): Network<Dtype> {
  const network = new Network<Dtype>({
    inputs: 2,
    layers: [dense(2, 'linear', { bias: false }), dense(1, 'linear', { bias: false })],
    loss: 'squaredError',
    dtype: 'float64',
  })
  network.setParameters(example.parameters)
  return network
}

function required(flag: string, numbers: readonly number[] | undefined): readonly number[] {
  if (numbers !== undefined) return numbers
  throw new SpecError({ where: flag, expected: 'numbers with commas between them', received: 'nothing' })
}
