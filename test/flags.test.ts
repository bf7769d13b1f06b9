/** Every flag of every command, given wrongly: one line that names the flag, the value and what is allowed. */

import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hadamardProgram } from '../src/cli/program.ts'
import { train } from '../src/index.ts'
import { trainOptionNames } from '../src/model/options.ts'
import { runHere } from './support/command-line.ts'

const penguins = join(import.meta.dirname, 'data', 'penguins.csv')
/** What commands are called with, and what stands for it in the table. */
let folder = ''
let files: Record<string, string> = {}
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hadamard-'))
  const at = (name: string): string => join(folder, name)
  files = {
    DATA: at('penguins.csv'),
    CLASSES: at('classes.model'),
    NUMBERS: at('numbers.model'),
    JSON: at('wrong.json'),
    OUT: at('out'),
    NOFOLDER: at('no-folder/out'),
  }
  await copyFile(penguins, files.DATA)
  await writeFile(files.JSON, '{')
  const quick = { hidden: [2], epochs: 1 }
  await (await train(penguins, { ...quick, target: 'species' })).save(files.CLASSES)
  await (await train(penguins, { ...quick, target: 'body_mass_g' })).save(files.NUMBERS)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Arguments of a command, up to the flag. */
const bases: Record<string, string> = {
  train: 'train DATA -t species --epochs 1 --model OUT',
  cv: 'cv DATA -t species --epochs 1',
  predict: 'predict CLASSES DATA',
  evaluate: 'evaluate CLASSES DATA',
  explain: 'explain CLASSES DATA',
  diff: 'diff CLASSES CLASSES DATA',
  summary: 'summary CLASSES',
  schema: 'schema DATA',
  'check-gradients': 'check-gradients CLASSES DATA',
  'explain-step': 'explain-step',
  init: 'init OUT',
  doctor: 'doctor',
  build: 'build',
}

/** A wrong value, what else is on the line, and what the message says of the value and of what is allowed. */
type Wrong = [value: string, ...beside: string[], message: RegExp]

const notAColumn = /expected a column named '(.+)'; received the columns 'species', .*Did you mean/
const aNumber = /expected a number; received 'x'/
const share = (value: string): RegExp =>
  new RegExp(`expected a number at least 0 and below 1; received ${value}`)
const count = (value: string, least = 1): RegExp =>
  new RegExp(`expected an integer at least ${least}.*; received ${value}`)
const noFile = (what: string): RegExp => new RegExp(`expected ${what}.*; received no such file`)

const backend: Wrong[] = [
  ['gpu', /expected '?native'? or '?fallback'?; received '?gpu|expected one of native, fallback/],
]
const delimiter: Wrong[] = [
  ['#', /expected ',', ';', '\|' or tab; received '#'/],
  ['', /received ''/],
]
const onError: Wrong[] = [['stop', /expected one of fail, skip, report; received 'stop'/]]

/** Flags that `train` and `cv` share. */
const training: Record<string, Wrong[]> = {
  '--target': [
    ['specis', notAColumn],
    ['', /expected names with commas between them; received ''/],
    ['island,sex', /expected numbers in all columns.*'island' is text; 'sex' is text/],
    ['body_mass_g,body_mass_g', /expected different columns; received 'body_mass_g' twice/],
    ['body_mass_g,flipper', /expected a column named 'flipper'/],
  ],
  '--ignore': [
    ['iland', notAColumn],
    ['', /expected names with commas between them; received ''/],
    ['species', /expected columns other than the target; received 'species'/],
  ],
  '--task': [
    ['clustering', /expected one of classification, regression; received 'clustering'/],
    ['regression', /expected classification, as column 'species' has texts.*; received regression/],
  ],
  '--preset': [['huge', /expected one of realmlp, plain; received 'huge'/]],
  '--hidden': [
    ['64,x', /expected units such as 64,32, or 'none'; received '64,x'/],
    ['0', /expected units .*; received '0'/],
    ['', /expected units .*; received ''/],
  ],
  '--activation': [['rely', /expected one of linear, .*; received 'rely'\. Did you mean 'relu'/]],
  '--dropout': [
    ['1', share('1')],
    ['x', aNumber],
  ],
  '--optimizer': [
    ['adm', /expected one of sgd, .*; received 'adm'\. Did you mean 'adam'/],
    ['Adam', /received 'Adam'/],
  ],
  '--learning-rate': [
    ['0', /expected a number above 0; received 0/],
    ['x', aNumber],
    ['3', '--optimizer lbfgs', /expected no --learning-rate with the optimizer lbfgs/],
  ],
  '--batch-size': [
    ['0', count('0')],
    ['1.5', count('1.5')],
    ['x', aNumber],
    [
      '3',
      '--optimizer lbfgs',
      /expected no --batch-size with the optimizer lbfgs.*; received 3\. Leave it out, or use --optimizer adam/,
    ],
  ],
  '--epochs': [
    ['0', count('0')],
    ['x', aNumber],
  ],
  '--max-time': [
    ['10d', /expected a time above 0 such as 90s, 10m or 2h; received '10d'/],
    ['0', /received '0'/],
  ],
  '--patience': [['0', count('0')]],
  '--validation': [['1', share('1')]],
  '--test': [['-0.1', share('-0.1')]],
  '--split': [
    ['no.json', noFile('a split file')],
    ['JSON', /expected a split as JSON/],
    ['JSON', '--test 0.1', /expected either --split or --test; received both/],
  ],
  '--group': [
    ['iland', notAColumn],
    ['species', /expected the name of a column other than the target; received 'species'/],
    ['island', '--stratify', /expected one rule to part the rows by; received --group and --stratify/],
  ],
  '--split-by': [
    ['island', /expected time:COLUMN .*; received 'island'/],
    ['time:iland', notAColumn],
  ],
  '--loss': [
    ['mse', /expected one of squaredError, .*; received 'mse'/],
    ['huber', /expected categorical\w+ or \w+ for classification into 3 classes; received 'huber'/],
  ],
  '--metric': [
    ['f2', /expected one of accuracy, .*; received 'f2'/],
    ['r2', /expected accuracy, .* for classification; received 'r2'/],
  ],
  '--class-weight': [
    ['x', /expected 'balanced', or CLASS=WEIGHT with commas between.*; received 'x'/],
    ['Adelie=-1', /received 'Adelie=-1'/],
    ['Adeli=2', /expected weights of the classes 'Adelie', .*; received 'Adeli'\. Did you mean 'Adelie'/],
  ],
  '--weight': [
    ['iland', notAColumn],
    ['species', /expected the name of a column other than the target; received 'species'/],
    ['island', /column island: expected a weight, a number of at least 0; received 'Torgersen'/],
  ],
  '--positive': [['Adelie', /expected a target with two classes; received 3 classes/]],
  '--threshold': [
    ['2', /expected a number at least 0 and at most 1; received 2/],
    ['f3', /expected a number from 0 to 1, 'f1', .*; received 'f3'/],
    ['0.5', /expected a target with two classes; received 3 classes/],
  ],
  '--coverage': [['1', /expected a number above 0 and below 1; received 1/]],
  '--l2': [['-1', /expected a number at least 0; received -1/]],
  '--recover': [
    ['2', /expected a number above 0 and below 1; received 2/],
    ['x', aNumber],
  ],
  '--seed': [
    ['-1', count('-1', 0)],
    ['1.5', count('1.5', 0)],
  ],
  '--threads': [
    ['0', count('0')],
    ['5000', /at most 1024; received 5000/],
  ],
  '--backend': backend,
  '--delimiter': delimiter,
  '--type': [
    ['island', /expected COLUMN=TYPE with commas between, TYPE one of numeric, .*; received 'island'/],
    ['island=word', /received 'island=word'/],
    ['iland=date', notAColumn],
    ['body_mass_g=date', /line 2, column body_mass_g: expected a date.*; received '3750'/],
    ['body_mass_g=boolean', /body_mass_g: expected true and false, yes and no, or 1 and 0; received/],
    ['island=numeric', /line 2, column island: expected a number.*; received 'Torgersen'/],
    ['species=date', /species: expected numeric or categorical for the target; received 'date'/],
  ],
  '--scale': [['minmax', /expected one of standard, .*; received 'minmax'/]],
  '--schema': [
    ['no.json', noFile('a schema file')],
    ['JSON', /expected a schema as JSON/],
  ],
  '--on-error': onError,
  '--rejects': [
    ['OUT.csv', /expected --on-error skip or report beside it; received --on-error fail/],
    ['DATA', '--on-error skip', /expected a file other than the data .*; received '.*penguins\.csv'/],
    ['NOFOLDER', '--on-error skip', /expected a file that can be written; received no such folder/],
  ],
  // Every text may stand for a missing value.
  '--missing': [],
}

const heldOut: Record<string, Wrong[]> = Object.fromEntries(
  ['--test', '--split', '--split-by'].map((flag) => [
    flag,
    [
      [
        flag === '--test' ? '0.1' : 'time:year',
        /expected nothing, as each fold is the test once; received a value/,
      ],
    ],
  ]),
)

const table: Record<string, Record<string, Wrong[]>> = {
  train: {
    ...training,
    '--from': [
      ['no.model', noFile('a model file')],
      ['DATA', /expected a model file/],
    ],
    '--model': [
      ['', /expected a file; received/],
      ['DATA', /expected a file other than the data .*; received '.*penguins\.csv'/],
      ['NOFOLDER', /expected a file that can be written; received no folder/],
    ],
    '--memory': [
      ['lots', /expected bytes, or a text such as 512MB or 2GB; received 'lots'/],
      ['1MB', '--out-of-core', /expected at least \d+ MB: .*; received 1 MB/],
    ],
    '--cache': [
      ['', /expected a folder, or false; received ''/],
      ['JSON', '--out-of-core', /expected room for the cache.*Choose another folder by --cache/],
    ],
    '--shuffle-window': [
      ['0', count('0')],
      ['x', aNumber],
    ],
  },
  cv: {
    ...training,
    ...heldOut,
    '--folds': [
      ['1', count('1', 2)],
      ['x', aNumber],
      ['1000', /expected at most \d+ rows; received 1000/],
    ],
    '--repeats': [
      ['0', count('0')],
      ['x', aNumber],
    ],
    '--compare': [
      ['', /expected flags of train; received ''/],
      ['--hiden 3', /expected flags of train; received unknown option '--hiden' \(Did you mean --hidden\?\)/],
      ['--epochs 0', /--epochs: expected an integer at least 1; received 0/],
      ['--hidden x', /--hidden: expected units .*; received 'x'/],
      ['--target island', /--target: expected the same rows and target in both configurations/],
    ],
  },
  predict: {
    '--keep': [
      ['iland', notAColumn],
      ['', /expected names with commas between them; received ''/],
    ],
    '--output': [
      ['DATA', /expected a file other than the data .*; received '.*penguins\.csv'/],
      ['CLASSES', /expected a file other than/],
      ['NOFOLDER', /expected a file that can be written; received no such folder/],
    ],
    '--on-error': onError,
    '--rejects': training['--rejects'],
    '--delimiter': delimiter,
    '--backend': backend,
  },
  evaluate: {
    '--on-error': onError,
    '--rejects': training['--rejects'],
    '--delimiter': delimiter,
    '--backend': backend,
  },
  explain: {
    '--columns': [
      ['iland', /expected a column named 'iland'; received the columns 'island', .*Did you mean 'island'/],
      ['', /expected names with commas between them; received ''/],
    ],
    '--repeats': [['1', /expected an integer at least 2, or 0 for none; received 1/]],
    '--metric': [
      ['f2', /expected one of accuracy, .*; received 'f2'/],
      ['r2', /expected accuracy, .* for classification; received 'r2'/],
    ],
    '--points': [['1', /expected an integer at least 2, or 0 for none; received 1/]],
    '--sample': [['1', count('1', 2)]],
    '--rows': [
      ['x', aNumber],
      ['-1', count('-1', 0)],
      ['9999', '--repeats 0 --points 0', /expected row numbers below 344; received 9999/],
    ],
    '--baseline': [['median', /expected 'zero', 'mean', or a row; received 'median'/]],
    '--label': [['Adeli', /expected one of the classes 'Adelie', .*; received 'Adeli'/]],
    '--target': [['specie', /expected a column named 'specie'.*Did you mean 'species'/]],
    '--seed': [['-1', count('-1', 0)]],
    '--delimiter': delimiter,
    '--backend': backend,
  },
  diff: { '--delimiter': delimiter, '--backend': backend },
  schema: {
    '--output': [
      ['DATA', /expected a file other than the data .*; received '.*penguins\.csv'/],
      ['NOFOLDER', /expected a file that can be written; received no such folder/],
    ],
    '--delimiter': delimiter,
  },
  'check-gradients': {
    '--rows': [
      ['1', count('1', 2)],
      ['x', aNumber],
    ],
    '--tolerance': [['0', /expected a number above 0; received 0/]],
    '--samples': [['0', count('0')]],
    '--seed': [['-1', count('-1', 0)]],
    '--delimiter': delimiter,
  },
  'explain-step': {
    '--x': [
      ['1', /expected rows of 2 numbers, as the network's inputs; received row 0 with 1/],
      ['x,1', aNumber],
    ],
    '--y': [['1,2', /expected rows of 1 number, as the network's outputs; received row 0 with 2/]],
    '--notation': [['x', /argument 'x' is invalid\. Allowed choices are bishop, cs615/]],
    '--learning-rate': [
      ['0', /expected a number above 0; received 0/],
      ['x', aNumber],
    ],
  },
  doctor: { '--backend': backend },
}

/** What a flag without a value contradicts. */
const contradictions: [string, string, RegExp][] = [
  [
    'train',
    '--refit-encoder',
    /--refit-encoder: expected a model to go on from beside it; received none. Set --from/,
  ],
  [
    'train',
    '--keep-optimizer --out-of-core',
    /--keep-optimizer: expected rows that fit into memory.*; received true/,
  ],
  ['train', '--out-of-core --split JSON', /--split, .*wrong\.json: expected a split as JSON/],
  [
    'train',
    '--no-stratify --out-of-core --split-by time:year',
    /--split-by, .*: expected a column named 'year'/,
  ],
  [
    'train',
    '--stratify -t body_mass_g',
    /--stratify: expected a target with classes; received one with numbers/,
  ],
  [
    'train',
    '--from CLASSES --hidden 3',
    /--hidden: expected nothing, as training goes on from a model that has it/,
  ],
  ['train', '--from CLASSES -t island', /--target: expected 'species', as in the model.*; received .*island/],
  [
    'train',
    '--out-of-core -t specis',
    /--target, .*: expected a column named 'specis'.*Did you mean 'species'/,
  ],
  [
    'train',
    '--out-of-core --ignore iland',
    /--ignore, .*: expected a column named 'iland'.*Did you mean 'island'/,
  ],
  [
    'train',
    '--out-of-core --type iland=date',
    /--type, .*: expected a column named 'iland'.*Did you mean 'island'/,
  ],
  ['train', '--rejects OUT --on-error skip', /--model: expected a file other than/],
  ['explain', '--target species --label Adeli', /--label: expected one of the classes/],
]

const words = (text: string): string[] =>
  text
    .split(' ')
    .filter(Boolean)
    .map((word) => files[word] ?? word)

const optionNames: readonly string[] = trainOptionNames

async function expectOneLine(args: readonly string[], message: RegExp): Promise<string> {
  const { code, err } = await runHere(args)
  expect([code, err]).toEqual([1, expect.stringMatching(message)])
  const lines = err.trimEnd().split('\n')
  const line = lines.find((text) => text.startsWith('hadamard: ')) ?? ''
  expect(line).toMatch(message)
  expect(err).not.toMatch(/^\s+at |internal error/m)
  // What to do is told in flags, not in options of the library.
  expect(line).not.toMatch(/`/)
  for (const word of line.match(/(?<!['\w])[a-z]+[A-Z]\w*/g) ?? []) expect(optionNames).not.toContain(word)
  return line
}

const commands = hadamardProgram().commands
const flags = commands.flatMap((command) =>
  command.options.map((option) => ({
    name: command.name(),
    flag: option.long ?? '',
    takesValue: option.required || option.optional,
  })),
)

test('every flag that takes a value has its wrong ones in the table, and there are no others', () => {
  const wanted = flags.filter(({ takesValue }) => takesValue).map(({ name, flag }) => `${name} ${flag}`)
  const present = Object.entries(table).flatMap(([name, rows]) =>
    Object.keys(rows).map((flag) => `${name} ${flag}`),
  )
  expect(present.sort()).toEqual(wanted.sort())
  expect(Object.keys(bases).sort()).toEqual(commands.map((command) => command.name()).sort())
})

describe.each(Object.keys(table))('%s', (name) => {
  const cases = Object.entries(table[name]).flatMap(([flag, rows]) =>
    rows.map((row) => ({
      flag,
      value: row[0],
      beside: row.slice(1, -1).join(' '),
      message: row.at(-1) as RegExp,
    })),
  )
  test.each(cases)("$flag '$value' $beside is one line that names the flag", async (given) => {
    const { flag, value, beside, message } = given
    const text = files[value] ?? value.replace('OUT', files.OUT)
    const args = [...words(bases[name]), `${flag}=${text}`, ...words(beside)]
    expect(await expectOneLine(args, message)).toMatch(new RegExp(`^hadamard: (option ')?${flag}(?![\\w-])`))
  })
})

test.each(flags)(
  '$name $flag without its value, or with one too many, is an error that names it',
  async (given) => {
    const { name, flag, takesValue } = given
    const args = [...words(bases[name]), takesValue ? flag : `${flag}=x`]
    const message = takesValue ? /argument missing/ : /unknown option/
    expect(await expectOneLine(args, message)).toContain(flag)
  },
)

test.each(commands.map((command) => command.name()))(
  '%s: an unknown flag is an error that names it',
  async (name) => {
    await expectOneLine([...words(bases[name]), '--jsn'], /unknown option '--jsn'/)
  },
)

test.each(contradictions)('%s %s', async (name, text, message) => {
  await expectOneLine([...words(bases[name]), ...words(text)], message)
})

test('nothing that was read has been written over', async () => {
  expect(await readFile(files.DATA)).toEqual(await readFile(penguins))
})
