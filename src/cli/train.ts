/** `hadamard train FILE`: flags to options, a progress bar, the screen or JSON lines, and the saved model. */

import { access, constants, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { Option, type Command } from 'commander'
import { DataError } from '../errors.ts'
import type { Model, Prediction } from '../model.ts'
import { estimateTraining } from '../model/estimate.ts'
import type { TrainOptions } from '../model/options.ts'
import { train } from '../model/train.ts'
import { dataHelp, dataName, inputOf } from './data-files.ts'
import { CommandError, EXIT, writeNote } from './outcome.ts'
import { numberFlag } from './flags.ts'
import { progressView, readingView } from './progress.ts'
import { openRejects } from './rejects.ts'
import { checkWritten } from './sink.ts'
import { estimateScreen, planScreen, resultScreen } from './screen.ts'
import { addTrainFlags, trainOptionsOf, type TrainFlags } from './train-flags.ts'

interface Flags extends TrainFlags {
  from?: string
  refitEncoder?: boolean
  keepOptimizer?: boolean
  memory?: string
  outOfCore?: boolean
  cache?: string | false
  shuffleWindow?: number
  model?: string
  dryRun?: boolean
  json?: boolean
  quiet?: boolean
}

/** Adds the command. */
export function addTrain(program: Command): void {
  const command = program
    .command('train')
    .summary('train a model on a CSV file')
    .description('Train a model on a CSV file, test it on rows that were held out, and save it.')
    .argument('<file...>', dataHelp)
  addTrainFlags(command)
  const options = [
    new Option(
      '--from <model>',
      'go on from a model: its columns, target and network, and what was decided with it (default: begin anew)',
    ),
    new Option('--refit-encoder', 'with --from: learn scales and categories anew (default: as in the model)'),
    new Option(
      '--keep-optimizer',
      "keep the optimizer's state in the model, and go on with that of --from (default: begin anew)",
    ),
    new Option('--dry-run', 'tell time and memory of the training by a second of it, and save nothing'),
    new Option('-m, --model <file>', 'where to save the model (default: FILE.model in the current folder)'),
    new Option(
      '--memory <size>',
      'most memory to take, such as 512MB; what does not fit is trained on out of core (default: half of what is free)',
    ),
    new Option('--out-of-core', 'train on packed rows in a file, whatever the memory'),
    new Option('--cache <folder>', 'out of core: folder of the packed rows (default: that of FILE)'),
    new Option('--no-cache', 'out of core: keep no packed rows for later trainings'),
    new Option(
      '--shuffle-window <rows>',
      'out of core: rows that are mixed with one another (default: what 32 MiB hold, at most 262,144)',
    ).argParser(numberFlag('--shuffle-window')),
    new Option('--json', 'print JSON lines: data, epoch…, result'),
    new Option('-q, --quiet', 'print nothing but errors'),
  ]
  options.forEach((option) => command.addOption(option))
  command.action(async (files: string[], flags: Flags) => {
    process.exitCode = await runTrain(files, flags)
  })
}

async function runTrain(files: readonly string[], flags: Flags): Promise<number> {
  const {
    model: modelPath = `${dataName(files)}.model`,
    dryRun = false,
    json = false,
    quiet = false,
    ...others
  } = flags
  const { memory, outOfCore, cache, shuffleWindow, ...given } = others
  const options = { ...(await trainOptionsOf(files, given)), memory, outOfCore, cache, shuffleWindow }
  if (dryRun) return estimate(inputOf(files), options, json)
  const read = [...files, given.split, given.schema]
  checkWritten({ '--model': modelPath, '--rejects': given.rejects }, read)
  checkWritten({ '--rejects': given.rejects }, [given.from])
  await checkModelPath(modelPath)
  const isShown = !json && !quiet
  const view = progressView(isShown)
  const reading = readingView(isShown)
  const rejects = await openRejects(given.rejects, given.onError)
  const interrupt = watchInterrupt(() => view.stop())
  const print = (lines: readonly string[]): void => void process.stdout.write(`${lines.join('\n')}\n`)
  const event = (name: string, values: object): void => {
    if (json) process.stdout.write(`${JSON.stringify({ event: name, ...values })}\n`)
  }
  let model: Model<Record<string, unknown>, Prediction>
  try {
    model = await train(inputOf(files), {
      ...options,
      signal: interrupt.signal,
      onRead: (progress) => reading.show(progress),
      onReject: (reject) => rejects.add(reject),
      onCache: quiet ? undefined : (sentence) => writeNote(sentence),
      onStart: (plan) => {
        reading.stop()
        event('data', plan)
        if (isShown) print(planScreen(plan))
        view.start(plan)
      },
      onEpoch: (epoch) => {
        event('epoch', epoch)
        view.epoch(epoch)
      },
      onProgress: (progress) => view.progress(progress),
    })
  } catch (error) {
    await rejects.abandon()
    throw error
  } finally {
    reading.stop()
    view.stop()
    interrupt.dispose()
  }
  const { report } = model
  if (report.epochs === 0 && report.stopped === 'aborted') {
    await rejects.end()
    throw new CommandError('interrupted before the first epoch was over; no model is saved', {
      code: 'HADAMARD_INTERRUPTED',
    })
  }
  // Where there is no room for the list, the model is saved already.
  const told = await model.save(modelPath).then(
    () => rejects.end(),
    async (error: unknown) => {
      await rejects.abandon()
      throw error
    },
  )
  const warnings = report.warnings.filter((warning) => warning !== told)
  if (!quiet) warnings.forEach((warning) => writeNote(warning))
  if (isShown) print([...resultScreen(report), ...closing(files[0], modelPath, report.stopped === 'aborted')])
  const { train: trainScores, validation, test = null, stopped, epochs, bestEpoch, seconds, threads } = report
  const { decision } = report
  event('result', {
    test,
    validation,
    train: trainScores,
    stopped,
    epochs,
    bestEpoch,
    seconds,
    threads,
    decision,
    model: modelPath,
  })
  return EXIT.ok
}

async function estimate(
  source: Parameters<typeof estimateTraining>[0],
  options: TrainOptions,
  isJson: boolean,
): Promise<number> {
  const found = await estimateTraining(source, options)
  const lines = isJson
    ? [JSON.stringify({ event: 'estimate', ...found })]
    : [...planScreen(found.plan), ...estimateScreen(found)]
  if (!isJson) found.plan.warnings.forEach((warning) => writeNote(warning))
  process.stdout.write(`${lines.join('\n')}\n`)
  return EXIT.ok
}

function closing(file: string, modelPath: string, wasInterrupted: boolean): string[] {
  const quoted = (path: string): string => (/^[\w./-]+$/.test(path) ? path : JSON.stringify(path))
  return [
    `${wasInterrupted ? 'Interrupted; saved the best model so far:' : 'Saved'} ${modelPath}`,
    `Predict with: npx hadamard predict ${quoted(modelPath)} ${quoted(file)}`,
  ]
}

// Hours of training must not end in a folder that is not there.
async function checkModelPath(path: string): Promise<void> {
  const folder = dirname(path)
  const isFolder = await stat(resolve(path)).then(
    (stats) => stats.isDirectory(),
    () => false,
  )
  if (isFolder)
    throw new DataError({
      code: 'HADAMARD_FILE_WRITE',
      where: '--model',
      expected: 'a file',
      received: `the folder '${path}'`,
    })
  await access(folder, constants.W_OK).catch((error: unknown) => {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    const received = `${isMissing ? 'no folder' : 'no permission to write in'} '${folder}'`
    throw new DataError({
      code: 'HADAMARD_FILE_WRITE',
      where: '--model',
      expected: 'a file that can be written',
      received,
    })
  })
}

// The first Ctrl-C ends training at the next step; the second ends the process.
function watchInterrupt(restoreTerminal: () => void): { signal: AbortSignal; dispose: () => void } {
  const stop = new AbortController()
  const onSignal = (): void => {
    restoreTerminal()
    if (stop.signal.aborted) process.exit(EXIT.interrupted)
    writeNote('ending with the best model so far; once more ends at once')
    stop.abort()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return {
    signal: stop.signal,
    dispose: () => {
      process.off('SIGINT', onSignal)
      process.off('SIGTERM', onSignal)
    },
  }
}
