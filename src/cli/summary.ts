/** `hadamard summary MODEL`: what a model predicts from what, how well, and its layers. */

import type { Command } from 'commander'
import { loadModel } from '../model.ts'

/** Adds the command. */
export function addSummary(program: Command): void {
  program
    .command('summary')
    .summary('show what is in a model file')
    .description('Show what a model predicts from which columns, its scores, and its layers.')
    .argument('<model>', 'model file that train has saved')
    .option('--json', 'print the report, the encoder and the network as one JSON line')
    .action(async (path: string, { json = false }: { json?: boolean }) => {
      const model = await loadModel(path)
      const { report, encoder, network } = model
      const text = json
        ? JSON.stringify({ event: 'result', report, encoder: encoder.toJSON(), spec: network.spec })
        : model.summary()
      process.stdout.write(`${text}\n`)
    })
}
