/** The command line as users meet it: screens, JSON lines, exit codes, and one clear line for every mistake. */

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dense, Network } from '../src/index.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const main = join(root, 'dist', 'cli', 'main.js')
const data = (name: string): string => join(root, 'test', 'data', name)
const penguins = data('penguins.csv')
let folder = ''

interface Result {
  code: number | null
  out: string
  err: string
}

function hadamard(args: string[], env: Record<string, string> = {}, input?: Buffer): Result {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    cwd: folder,
    input,
    encoding: 'utf8',
    env: { ...process.env, ...env },
    maxBuffer: 2 ** 26,
  })
  return { code: status, out: stdout, err: stderr }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hadamard-'))
  const { code, err } = hadamard(['train', penguins, '--target', 'species', '--epochs', '40', '--quiet'])
  expect([code, err]).toEqual([0, ''])
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const jsonLines = (text: string): Record<string, unknown>[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)

describe('train', () => {
  test('shows data, network, backend and result, and says where the model is', () => {
    const flags = ['--preset', 'plain', '--seed', '1', '-m', 'p.model']
    const { code, out, err } = hadamard(['train', penguins, '-t', 'species', ...flags])
    expect(code).toBe(0)
    for (const text of [
      'penguins.csv: 344 rows, 7 columns',
      /species +text, 3 different +- +target/,
      /sex +text, 2 different +11/,
      'classification of species',
      'Adelie 152, Chinstrap 68, Gentoo 124',
      '247 train, 28 validation, 69 test',
      '9 inputs → 64 relu → 32 relu → 3 outputs',
      /runs on +(native core, |TypeScript fallback)/,
      /Trained \d+ epochs in .* s on \d+ threads?/,
      /test +69 +\d\.\d{3}/,
      /always the majority +69 +0\.435/,
      'Saved p.model',
      'npx hadamard predict p.model',
    ]) {
      expect(out).toMatch(text)
    }
    expect(out).not.toMatch(/undefined|NaN/)
    expect(out).not.toContain(String.fromCharCode(27))
    expect(err).toMatch(/^epoch 1\/200 {2}loss \d\.\d{4} {2}validation \d\.\d{4}\n/)
    expect(existsSync(join(folder, 'p.model'))).toBe(true)
  })

  test('--quiet prints nothing, and the model is named after the file', () => {
    const { code, out, err } = hadamard(['train', data('iris.csv'), '-t', 'species', '--epochs', '3', '-q'])
    expect([code, out, err]).toEqual([0, '', ''])
    expect(existsSync(join(folder, 'iris.model'))).toBe(true)
  })

  test('--json prints data, epochs and result, one object a line and nothing else', () => {
    const { code, out, err } = hadamard([
      'train',
      data('mpg.csv'),
      '-t',
      'hwy',
      '--epochs',
      '4',
      '--json',
      '-m',
      'm.model',
    ])
    const events = jsonLines(out)
    expect(code).toBe(0)
    expect(err).toMatch(/^(hadamard: .*\n)*$/)
    expect(events.map(({ event }) => event)).toEqual(['data', 'epoch', 'epoch', 'epoch', 'epoch', 'result'])
    expect(events[0]).toMatchObject({ rows: 234, target: 'hwy', task: 'regression' })
    expect(events[1]).toEqual({
      event: 'epoch',
      epoch: 1,
      learningRate: 0.003,
      loss: expect.any(Number) as number,
      validation: { loss: expect.any(Number) as number },
    })
    const number = expect.any(Number) as number
    expect(events[5]).toMatchObject({
      test: { rows: number, loss: number, r2: number, rmse: number, baseline: { r2: number, rmse: number } },
      model: 'm.model',
    })
  })

  test('lbfgs takes all training rows at once', () => {
    const { code, out } = hadamard([
      'train',
      penguins,
      ...'--target species --optimizer lbfgs --epochs 20 --model l.model --json'.split(' '),
    ])
    const [plan, ...rest] = jsonLines(out)
    expect([code, plan.batchSize]).toEqual([0, (plan.split as { train: number }).train])
    expect((rest.at(-1)?.test as { accuracy: number }).accuracy).toBeGreaterThan(0.95)
  })

  test('every flag reaches the training', async () => {
    await writeFile(
      join(folder, 'semicolons.csv'),
      `x;y,1;z;k\n${'1;2;?;0\n3;4;5;1\n2;1;7;0\n5;2;8;1\n'.repeat(20)}`,
    )
    const args =
      'train semicolons.csv --target k --ignore y\\,1 --task classification --hidden 6,5 --activation tanh --dropout 0.1 ' +
      '--optimizer nesterov --learning-rate 0.02 --batch-size 8 --epochs 7 --patience 3 --validation 0.25 --test 0.25 ' +
      '--loss binaryCrossEntropy --metric logLoss --l2 0.01 --seed 5 --threads 1 --delimiter semicolon ' +
      '--type x=categorical --missing ? --model k.model --json'
    const { code, out, err } = hadamard(args.split(' '))
    expect([code, err]).toEqual([0, ''])
    expect(jsonLines(out)[0]).toMatchObject({
      task: 'classification',
      taskReason: 'as asked for',
      split: { train: 45, validation: 15, test: 20 },
      network: '6 inputs → 6 tanh → dropout 0.1 → 5 tanh → dropout 0.1 → 1 output, 83 parameters',
      batchSize: 8,
      maxEpochs: 7,
      missingTexts: ['?'],
    })
    expect(jsonLines(out).at(-1)).toMatchObject({ threads: 1 })
    const summary = jsonLines(hadamard(['summary', 'k.model', '--json']).out)[0]
    expect(summary.spec).toMatchObject({ l2: 0.01, seed: 5, loss: { name: 'binaryCrossEntropy' } })
  })

  test('--split and --backend fallback', () => {
    const args = [
      'train',
      penguins,
      '-t',
      'species',
      '--split',
      data('splits/penguins.json'),
      '--backend',
      'fallback',
      '--epochs',
      '2',
    ]
    const { code, out, err } = hadamard(args)
    expect(code).toBe(0)
    expect(out).toMatch(/runs on +TypeScript fallback/)
    expect(out).toMatch(/69 test \(as in .*penguins\.json\)/)
    expect(err).not.toMatch(/hadamard:/)
  })

  test('--validation 0 --test 0 trains on every row', () => {
    const { code, out } = hadamard([
      'train',
      penguins,
      '-t',
      'species',
      '--validation',
      '0',
      '--test',
      '0',
      '--epochs',
      '3',
      '--json',
    ])
    expect(code).toBe(0)
    expect(jsonLines(out)[0]).toMatchObject({ split: { train: 344, validation: 0, test: 0 } })
    expect(jsonLines(out).at(-1)).toMatchObject({ test: null, stopped: 'epochs' })
  })

  test('the same seed prints the same numbers', () => {
    const run = (): unknown =>
      jsonLines(hadamard(['train', penguins, '-t', 'species', '--epochs', '5', '--json']).out).at(-2)
    expect(run()).toEqual(run())
  })

  test.skipIf(process.platform === 'win32')(
    'Ctrl-C once saves the best model so far; twice ends at once',
    async () => {
      const start = (
        name: string,
      ): { child: ReturnType<typeof spawn>; ended: Promise<Result>; started: Promise<void> } => {
        const args = [
          'train',
          data('digits.csv'),
          '-t',
          'digit',
          '--epochs',
          '1000000',
          '--patience',
          '1000000',
          '-m',
          name,
          '--json',
        ]
        const child = spawn(process.execPath, [main, ...args], { cwd: folder })
        let [out, err] = ['', '']
        const started = new Promise<void>((resolve) => {
          child.stdout.on('data', (chunk: Buffer) => {
            out += chunk.toString()
            if (out.includes('"epoch":3')) resolve()
          })
        })
        child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
        const ended = new Promise<Result>((resolve) =>
          child.on('close', (code) => resolve({ code, out, err })),
        )
        return { child, ended, started }
      }
      const once = start('once.model')
      await once.started
      once.child.kill('SIGINT')
      const { code, out, err } = await once.ended
      expect(code).toBe(0)
      expect(err).toMatch(/ending with the best model so far/)
      expect(jsonLines(out).at(-1)).toMatchObject({
        event: 'result',
        stopped: 'aborted',
        model: 'once.model',
      })
      expect(hadamard(['summary', 'once.model']).out).toMatch(/interrupted/)
      const twice = start('twice.model')
      await twice.started
      twice.child.kill('SIGINT')
      twice.child.kill('SIGINT')
      expect([0, 130]).toContain((await twice.ended).code)
    },
  )

  test.skipIf(process.platform === 'win32')('a reader that goes away is no error', () => {
    const { status, stderr } = spawnSync(
      'sh',
      ['-c', '"$0" "$1" predict penguins.model "$2" | head -1', process.execPath, main, penguins],
      {
        cwd: folder,
        encoding: 'utf8',
      },
    )
    expect([status, stderr.includes('EPIPE')]).toEqual([0, false])
  })
})

describe('predict', () => {
  test('prints prediction and probability for every row, notes on standard error', () => {
    const { code, out, err } = hadamard(['predict', 'penguins.model', penguins])
    const lines = out.trimEnd().split('\n')
    expect(code).toBe(0)
    expect(lines).toHaveLength(345)
    expect(lines[0]).toBe('prediction,probability')
    expect(lines[1]).toMatch(/^Adelie,0\.\d+$/)
    expect(err).toContain("column 'sex': 11 missing values, taken as none of its categories")
  })

  test('--proba, --keep and --output', () => {
    const args = [
      'predict',
      'penguins.model',
      penguins,
      '--proba',
      '--keep',
      'sex,bill_length_mm',
      '-o',
      'answers.csv',
    ]
    const { code, out } = hadamard(args)
    const lines = readFileSync(join(folder, 'answers.csv'), 'utf8').trimEnd().split('\n')
    expect([code, out]).toEqual([0, ''])
    expect(lines[0]).toBe(
      'sex,bill_length_mm,prediction,probability,probability_Adelie,probability_Chinstrap,probability_Gentoo',
    )
    expect(lines[1]).toMatch(/^male,39\.1,Adelie,/)
    expect(lines).toHaveLength(345)
    const probabilities = lines[1].split(',').slice(4).map(Number)
    expect(probabilities.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5)
  })

  test('takes a file without the target, with other columns and unseen texts, and keeps fields as they stand', async () => {
    const rows = ['00" 7",Atlantis,40,18,990,4000,male', ',Dream,,18,190,4000,']
    const text = `note,island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex\n${rows.join('\n').replace('00" 7"', '"0,""07"')}\n`
    await writeFile(join(folder, 'new.csv'), text)
    const { code, out, err } = hadamard(['predict', 'penguins.model', 'new.csv', '--keep', 'note'])
    expect(code).toBe(0)
    expect(out).toMatch(/^note,prediction,probability\n"0,""07",\w+,[\d.]+\n,\w+,[\d.]+\n$/)
    expect(err).toContain("column 'island': 1 value that training did not have")
    expect(err).toContain("column 'flipper_length_mm': 1 value outside the range of training, 17")
    expect(err).not.toContain("column 'bill_depth_mm'")
  })

  test('reads standard input and packed files, and packs what it writes to a name in .gz', async () => {
    const plain = hadamard(['predict', 'penguins.model', penguins]).out
    const packed = gzipSync(readFileSync(penguins))
    await writeFile(join(folder, 'penguins.csv.gz'), packed)
    expect(hadamard(['predict', 'penguins.model', '-'], {}, readFileSync(penguins)).out).toBe(plain)
    expect(hadamard(['predict', 'penguins.model', '-'], {}, packed).out).toBe(plain)
    const { code } = hadamard(['predict', 'penguins.model', 'penguins.csv.gz', '-o', 'answers.csv.gz'])
    expect(code).toBe(0)
    expect(gunzipSync(readFileSync(join(folder, 'answers.csv.gz'))).toString()).toBe(plain)
  })

  test('wrong records end it and leave no file, or are left out, counted and listed; what is kept stays beside its row', async () => {
    const [header, ...rows] = readFileSync(penguins, 'utf8').trimEnd().split('\n')
    const wrong = [
      ...rows.slice(0, 5),
      'Adelie,Torgersen,big,18,190,4000,male',
      'Adelie,short',
      ...rows.slice(5),
    ]
    await writeFile(join(folder, 'wrong.csv'), `${[header, ...wrong].join('\n')}\n`)
    const args = ['predict', 'penguins.model', 'wrong.csv', '--keep', 'bill_length_mm,sex', '-o', 'kept.csv']
    const failed = hadamard(args)
    expect(failed.code).toBe(1)
    expect(failed.err).toMatch(/wrong\.csv line (7, column bill_length_mm: .*'big'|8: expected 7 fields)/)
    expect(readdirSync(folder).filter((name) => name.startsWith('kept'))).toEqual([])
    const { code, err } = hadamard([...args, '--on-error', 'skip', '--rejects', 'rejects.csv'])
    expect([code, err]).toEqual([0, expect.stringContaining('2 wrong records left out, see rejects.csv')])
    const kept = readFileSync(join(folder, 'kept.csv'), 'utf8')
    expect(kept).toBe(hadamard(['predict', 'penguins.model', penguins, '--keep', 'bill_length_mm,sex']).out)
    const rejects = readFileSync(join(folder, 'rejects.csv'), 'utf8').split('\n')
    expect(rejects[0]).toBe('file,line,byte,column_number,column,value,expected,text,message')
    expect(rejects[1]).toMatch(/\.csv,7,\d+,3,bill_length_mm,big,"a number.*","Adelie,Torgersen,big,/)
    expect(rejects[2]).toMatch(/\.csv,8,\d+,,"","Adelie,short",.*expected 7 fields/)
  })

  test.skipIf(process.platform === 'win32')(
    'a list of wrong records that finds no room costs no model; one that does is told of once',
    async () => {
      const text = await readFile(penguins, 'utf8')
      await writeFile(join(folder, 'many.csv'), text + 'Adelie,short\n'.repeat(1000))
      const train = 'train many.csv -t species --hidden 4 --epochs 1 -m many.model --on-error skip --rejects'
      const limited = spawnSync(
        'bash',
        ['-c', `ulimit -f 64; '${process.execPath}' '${main}' ${train} many-wrong.csv`],
        { cwd: folder, encoding: 'utf8' },
      )
      expect([limited.status, limited.stderr]).toEqual([
        1,
        expect.stringContaining('--rejects many-wrong.csv: '),
      ])
      expect(readdirSync(folder).filter((name) => name.startsWith('many'))).toEqual([
        'many.csv',
        'many.model',
      ])
      const { code, err } = hadamard([...train.split(' '), 'many-wrong.csv'])
      expect([code, err.match(/left out/g)]).toEqual([0, ['left out']])
    },
  )

  test('regression prints numbers; a file without rows gives a header', async () => {
    hadamard(['train', data('mpg.csv'), '-t', 'hwy', '--epochs', '20', '-q', '-m', 'm.model'])
    expect(hadamard(['predict', 'm.model', data('mpg.csv')]).out).toMatch(/^prediction\n\d+\.\d+\n/)
    const [header] = readFileSync(data('mpg.csv'), 'utf8').split('\n')
    await writeFile(join(folder, 'none.csv'), `${header}\n`)
    const { code, out } = hadamard(['predict', 'm.model', 'none.csv'])
    expect([code, out]).toEqual([0, 'prediction\n'])
  })
})

describe('evaluate, summary and doctor', () => {
  test('evaluate --on-error skip leaves wrong records out, counts and lists them', async () => {
    const text = await readFile(penguins, 'utf8')
    await writeFile(join(folder, 'short.csv'), `${text}Adelie,Torgersen,39.1\n`)
    expect(hadamard(['evaluate', 'penguins.model', 'short.csv']).err).toMatch(/line 346.*expected 7 /)
    const args = [
      'evaluate',
      'penguins.model',
      'short.csv',
      '--on-error',
      'skip',
      '--rejects',
      'wrong.csv',
      '--json',
    ]
    const { code, out, err } = hadamard(args)
    expect(code).toBe(0)
    expect(err).toContain('1 wrong record left out, see wrong.csv')
    const [whole] = jsonLines(hadamard(['evaluate', 'penguins.model', penguins, '--json']).out)
    expect(jsonLines(out)[0]).toMatchObject({ test: whole.test })
    expect((await readFile(join(folder, 'wrong.csv'), 'utf8')).trimEnd().split('\n')).toHaveLength(2)
  })

  test('evaluate scores beside the baseline and says where the rows are those of training', () => {
    const { code, out, err } = hadamard(['evaluate', 'penguins.model', penguins])
    expect(code).toBe(0)
    expect(out).toMatch(/penguins\.csv +344 +[01]\.\d{3} +\d\.\d{3}\n {2}always the majority +344 +0\.442/)
    expect(err).toMatch(/these are the training data: only 69 of 344 rows were held out/)
    const [event] = jsonLines(hadamard(['evaluate', 'penguins.model', penguins, '--json']).out)
    expect(event).toMatchObject({ event: 'result', test: { rows: 344 }, isTrainingData: true })
  })

  test('summary shows what is predicted from what, how well, and the layers', () => {
    const { code, out } = hadamard(['summary', 'penguins.model'])
    expect(code).toBe(0)
    expect(out).toMatch(/predicts +species, one of 3 classes: Adelie, Chinstrap, Gentoo/)
    expect(out).toMatch(/dense1 +relu +\[batch, 64\] +640/)
  })

  test('doctor says what runs and why; with the fallback asked for it is content', () => {
    const { code, out } = hadamard(['doctor'], { HADAMARD_BACKEND: 'fallback' })
    expect(code).toBe(0)
    expect(out).toMatch(/runs +the TypeScript fallback \(asked for\)/)
    expect(out).toMatch(/environment +HADAMARD_BACKEND=fallback/)
  })

  test.skipIf(process.env.HADAMARD_BACKEND === 'fallback')(
    'doctor checks the native core against the fallback',
    () => {
      const { code, out } = hadamard(['doctor', '--backend', 'native'])
      expect(code).toBe(0)
      expect(out).toMatch(/self-test +\w+: \d+ ops equal the fallback bit for bit/)
      expect(out).toMatch(/runs +the native core on/)
    },
  )

  test('--help names every command, and train --help every default', () => {
    expect(hadamard(['--help']).out).toMatch(/train[^]*predict[^]*evaluate[^]*summary[^]*doctor[^]*build/)
    const { code, out } = hadamard(['train', '--help'])
    expect(code).toBe(0)
    expect(out).toMatch(/--hidden.*\n?.*default: 64,32/)
    expect(out).toMatch(/--test <share>[^]*default: 0\.2/)
    expect(hadamard(['--version']).out).toMatch(/^\d+\.\d+\.\d+\n$/)
  })

  test('build without node-gyp and a compiler says what is needed', () => {
    const { code, out, err } = hadamard(['build'], {
      PATH: '',
      npm_config_node_gyp: '',
      npm_config_python: '/no/python',
    })
    expect([code, out]).toEqual([1, ''])
    expect(err).toMatch(/^hadamard: build: .*python3, make and a C\+\+20 compiler.*\n$/)
  })
})

describe('check-gradients and explain-step', () => {
  test('a trained model has right gradients; with no tolerance for rounding it has not', () => {
    const args = ['check-gradients', 'penguins.model', penguins, '--samples', '2']
    const { code, out } = hadamard(args)
    expect(out).toMatch(/^dense1\.weight +2 of 576 +error \d\.\de-\d+\n/)
    expect(out).toMatch(/\nall within 0\.0001 of central differences\n$/)
    expect(code).toBe(0)
    const strict = hadamard([...args, '--tolerance', '1e-12', '--json'])
    expect(strict.code).toBe(1)
    expect(jsonLines(strict.out)[0]).toMatchObject({ event: 'result', ok: false, tolerance: 1e-12 })
  })

  test('explain-step without arguments is the worked example of CS 615', () => {
    const { code, out } = hadamard(['explain-step'])
    expect(code).toBe(0)
    expect(out).toContain('net_h = xβ = [0.755, 0.68]\n')
    expect(out).toContain('∂J/∂θ = hᵀ·∂J/∂net_o = [[−0.243865], [−0.21964]]\n')
    expect(hadamard(['explain-step', '--notation', 'bishop']).out).toContain('h′(a⁽²⁾₁)')
  })

  test('explain-step takes a small model, a row and targets, with negative numbers too', async () => {
    const network = new Network({ inputs: 2, layers: [dense(2, 'tanh'), dense(1)], loss: 'squaredError' })
    await network.save(join(folder, 'small.model'))
    const { code, out } = hadamard([
      'explain-step',
      'small.model',
      '--x=-1,2',
      '--y',
      '3',
      '--learning-rate',
      '0.5',
    ])
    expect(code).toBe(0)
    expect(out).toContain('x = [−1, 2], t = [3], learning rate η = 0.5\n')
  })
})

test('a fit that diverges tells the cause, and the rows that it met', () => {
  const { code, err } = hadamard([
    'train',
    penguins,
    '-t',
    'species',
    '--learning-rate',
    '1e30',
    '--optimizer',
    'sgd',
  ])
  expect(code).toBe(1)
  const [cause, ...rows] = err.trimEnd().split('\n')
  expect(cause).toMatch(/expected a finite .*Lower the learning rate.*\[HADAMARD_DIVERGED\]$/)
  expect(rows).toHaveLength(3)
  for (const row of rows) expect(row).toMatch(/penguins\.csv line \d+: species=/)
})

describe('a mistake gets exit code 1 and one line', () => {
  const train = ['train', penguins, '-t', 'species']
  const cases: [string[], RegExp][] = [
    [['trian', 'x'], /unknown command 'trian' \(Did you mean train\?\) \[HADAMARD_COMMAND_LINE\]$/m],
    [['train'], /missing required argument 'file'/],
    [['train', penguins], /--target: expected the column to predict; received none;.*'species', 'island'/],
    [['train', penguins, '--targt', 'species'], /unknown option '--targt' \(Did you mean --target\?\)/],
    [
      ['train', penguins, '-t', 'spcies'],
      /expected a column named 'spcies'; received the columns 'species'.*Did you mean 'species'/,
    ],
    [['train', 'no.csv', '-t', 'y'], /no\.csv: expected a CSV file; received no such file/],
    [['train', '.', '-t', 'y'], /received a directory/],
    [['train', penguins, 'more', '-t', 'y'], /more: expected a CSV file; received no such file/],
    [[...train, '--ignore', 'sexx'], /Did you mean 'sex'/],
    [[...train, '--ignore', ''], /--ignore: expected names/],
    [[...train, '--task', 'x'], /--task: expected one of classification, regression; received 'x'/],
    [[...train, '--task', 'regression'], /--task: expected classification, as column 'species' has texts/],
    [[...train, '--hidden', '64,x'], /--hidden: expected units such as 64,32/],
    [[...train, '--hidden', '0'], /--hidden: expected units/],
    [[...train, '--activation', 'rleu'], /--activation: .*Did you mean 'relu'/],
    [[...train, '--dropout', '1'], /--dropout: expected a number at least 0 and below 1; received 1/],
    [[...train, '--optimizer', 'adm'], /--optimizer: .*Did you mean 'adam'/],
    [
      [...train, '--optimizer', 'lbfgs', '--batch-size', '8'],
      /--batch-size with the optimizer lbfgs, which takes all rows/,
    ],
    [[...train, '--loss', 'hinge'], /--loss: expected one of squaredError, .*; received 'hinge'/],
    [[...train, '--learning-rate', '0'], /--learning-rate: expected a number above 0; received 0/],
    [[...train, '--learning-rate', 'fast'], /--learning-rate: expected a number; received 'fast'/],
    [[...train, '--batch-size', '0'], /--batch-size: expected an integer at least 1/],
    [[...train, '--epochs', '-1'], /--epochs: expected an integer at least 1; received -1/],
    [[...train, '--epochs', ''], /--epochs: expected a number; received ''/],
    [[...train, '--epochs'], /option '--epochs <n>' argument missing/],
    [[...train, '--patience', '0'], /--patience: expected an integer at least 1/],
    [[...train, '--validation', '1'], /--validation: expected a number at least 0 and below 1/],
    [[...train, '--test', '-0.1'], /--test: expected a number at least 0/],
    [[...train, '--split', 'no.json'], /no\.json: expected a split file; received no such file/],
    [[...train, '--split', penguins], /expected a split as JSON/],
    [[...train, '--split', 'x', '--test', '0.1'], /--split: expected either --split or --test/],
    [[...train, '--loss', 'squaredError'], /--loss: expected categorical/],
    [[...train, '--metric', 'r2'], /--metric: expected accuracy, logLoss, loss/],
    [[...train, '--l2', '-1'], /--l2: expected a number at least 0/],
    [[...train, '--seed', '0.5'], /--seed: expected an integer/],
    [[...train, '--threads', '0'], /--threads: expected an integer at least 1/],
    [[...train, '--backend', 'gpu'], /--?backend: expected '?native'? or '?fallback'?; received '?gpu/],
    [[...train, '--delimiter', ':'], /--delimiter: expected/],
    [
      [...train, '--type', 'sex=text'],
      /--type: expected COLUMN=TYPE with commas between, TYPE one of numeric/,
    ],
    [[...train, '--type', 'sex=numeric'], /line 2, column sex: expected a number.*received 'male'/],
    [[...train, '--type', 'sexx=numeric'], /expected a column named 'sexx'/],
    [
      [...train, '--model', '/no/folder/x.model'],
      /--model: expected a file that can be written; received no folder/,
    ],
    [[...train, '--model', '.'], /--model: expected a file; received the folder/],
    [[...train, '--model', penguins], /--model: expected a file other than the data/],
    [['predict', 'no.model', penguins], /no\.model: expected a model file; received no such file/],
    [['predict', penguins, penguins], /penguins\.csv: expected a model file.*another kind of file/],
    [['predict', 'penguins.model', data('wine.csv')], /expected a column named 'island'/],
    [['predict', 'penguins.model', penguins, '--keep', 'sxe'], /Did you mean 'sex'/],
    [['predict', 'penguins.model', penguins, '--output', penguins], /--output: expected a file other than/],
    [
      ['predict', 'penguins.model', penguins, '--output', '/no/folder/x'],
      /expected a file that can be written; received no such folder/,
    ],
    [['evaluate', 'penguins.model', 'no.csv'], /no\.csv: expected a CSV file/],
    [['evaluate', 'penguins.model'], /missing required argument 'file'/],
    [['summary', penguins], /expected a model file/],
    [
      ['check-gradients', 'penguins.model', penguins, '--rows', '1'],
      /--rows: expected an integer at least 2/,
    ],
    [
      ['explain-step', 'penguins.model', '--x', '1', '--y', '1'],
      /expected a network of at most 100 parameters/,
    ],
    [['explain-step', '--x', '1,a'], /--x: expected a number; received 'a'/],
    [['explain-step', 'penguins.model'], /--x: expected numbers with commas between them; received nothing/],
    [['doctor', '--backend', 'gpu'], /--backend: expected one of native, fallback/],
  ]
  test.each(cases)('hadamard %j', (args, message) => {
    const { code, out, err } = hadamard(args)
    const lines = err
      .trimEnd()
      .split('\n')
      .filter((line) => !/^epoch |missing value/.test(line))
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^hadamard: /)
    expect(lines[0]).toMatch(message)
    expect(code).toBe(1)
    expect(out.includes('    at ')).toBe(false)
  })

  test('a truncated model file', async () => {
    const bytes = readFileSync(join(folder, 'penguins.model'))
    await writeFile(join(folder, 'cut.model'), bytes.subarray(0, bytes.length - 100))
    const { code, err } = hadamard(['predict', 'cut.model', penguins])
    expect(code).toBe(1)
    expect(err).toMatch(
      /^hadamard: cut\.model: expected \d+ bytes of tensors.*truncated \[HADAMARD_MODEL_FILE\]\n$/,
    )
  })
})
