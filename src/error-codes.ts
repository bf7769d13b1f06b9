/** Every code that an error or a warning of the library can have; docs/errors.md is this table as a page. */

/** What is told of a code. */
export interface ErrorCodeInfo {
  /** What has happened, as a sentence. */
  readonly meaning: string
  /** What to do about it, as a sentence. */
  readonly cure: string
  /** A message with it, without the code at its end. */
  readonly example: string
}

/**
 * Meaning, cure and an example, by code.
 *
 * @example
 * errorCodes.HADAMARD_CSV_RAGGED.cure.length > 0 // true
 */
export const errorCodes = /* @__PURE__ */ tableOf({
  HADAMARD_OPTION_UNKNOWN: {
    meaning: 'An object of options has a name that is none of its options.',
    cure: 'Correct the spelling; the message has the nearest right name and all others.',
    example:
      "batchNorm: expected one of the options epsilon, momentum, name, from; received 'momentun'. " +
      "Misspelled option 'momentun' should be 'momentum'",
  },
  HADAMARD_OPTION_VALUE: {
    meaning: 'An argument or option has a value that it cannot have.',
    cure: 'Give a value of the kind and within the limits that the message names.',
    example: 'fit: epochs: expected an integer at least 1; received 0',
  },
  HADAMARD_OPTION_CONFLICT: {
    meaning: 'Two options exclude each other, or one needs another that is not there.',
    cure: 'Leave one of them out, or add what the message asks for.',
    example: 'split: expected either `split` or `test`; received both',
  },
  HADAMARD_COMMAND_LINE: {
    meaning: 'The command line has a command, flag or argument that cannot be.',
    cure: 'See `hadamard COMMAND --help`.',
    example: "unknown option '--epoch' (Did you mean --epochs?)",
  },
  HADAMARD_ENVIRONMENT: {
    meaning: 'An environment variable of the library has a value that it cannot have.',
    cure: 'Set it to one of the values that the message names, or unset it.',
    example: "HADAMARD_VERIFY: expected 1 or 0; received 'yes'",
  },
  HADAMARD_TASK: {
    meaning: 'An option or a loss is for classes and the target has numbers, or the other way round.',
    cure: 'Leave it out, or set the task (`task`, `--task`) to the one that you mean.',
    example:
      'stratify: expected a target with classes; received one with numbers. Leave it out, or set ' +
      "`task: 'classification'`",
  },
  HADAMARD_LAYER: {
    meaning: 'The list of layers has something that is no layer, or no layer with weights.',
    cure: 'Build layers by the functions of the library, such as `dense(64)`.',
    example: 'layers: expected an array of at least one layer; received an array of 0',
  },
  HADAMARD_WIRING: {
    meaning:
      'The layers do not fit together: an unknown source, a name twice, a cycle, or sizes that cannot be joined.',
    cure: 'Correct the `from`, `name` or `shareWith` that the message names.',
    example:
      "layers[1] (dense2): from: expected one of dense1, dense2, input; received 'dens1'. Did you mean " +
      "'dense1'",
  },
  HADAMARD_LOSS: {
    meaning: 'The losses do not suit the outputs of the network.',
    cure: 'Give the last layer the activation and the number of outputs that the loss needs, or choose another loss.',
    example:
      'loss categoricalCrossEntropy: expected a last layer with the activation softmax; received ' +
      "linear. Use activation 'softmax', or categoricalCrossEntropyFromLogits with a linear last layer",
  },
  HADAMARD_ACTIVATION: {
    meaning: 'An activation is not well defined, or has no gradient where training needs one.',
    cure: 'Correct its definition, or use one with a gradient.',
    example: "composed own: expected a function of x and the ops; received 'tanh'",
  },
  HADAMARD_PARAMETERS: {
    meaning: 'Weights or state that are set do not fit the network.',
    cure: 'Use the names and lengths of `network.parameters` and `network.state`, and finite numbers.',
    example: "setParameters: weight: expected one of dense1.weight, dense1.bias; received 'weight'",
  },
  HADAMARD_NETWORK_BUSY: {
    meaning: 'A network was used while a fit runs on it.',
    cure: 'Await the run first, or use another network.',
    example:
      'predict: expected a network that is not fitting; received a call while a fit runs. Await the run ' +
      'first',
  },
  HADAMARD_NOT_POSSIBLE: {
    meaning: 'What was asked for cannot be done with this network, model or data set, or in a browser.',
    cure: 'See the message for what it can be done with.',
    example:
      'predict: samples: expected a network with dropout, whose predictions then differ; received one ' +
      'without. Add dropout(rate) between its layers before training, or call predict(x) without ' +
      'options',
  },
  HADAMARD_BATCH_OF_ONE: {
    meaning: 'Batch normalisation would take the statistics of a single row.',
    cure: 'Use batches of at least two rows, or `layerNorm()`.',
    example:
      'fit: batchSize: expected at least 2 rows per batch, for the batch statistics of batchNorm1; ' +
      'received 1. layerNorm() in its place looks at each row alone',
  },
  HADAMARD_SHAPE: {
    meaning: 'An array has not as many numbers or rows as it must.',
    cure: 'Check rows and columns; the message has both lengths.',
    example: "x: expected rows of 2 numbers, as the network's inputs; received row 1 with 1",
  },
  HADAMARD_OVERLAP: {
    meaning: 'An array that is written to shares memory with another one.',
    cure: 'Use a copy, or leave `out` away.',
    example: 'matmul: out: expected memory that does not overlap a; received overlapping views of one buffer',
  },
  HADAMARD_MEMORY: {
    meaning: 'Something does not fit into memory, or an array has lost its memory.',
    cure: 'Use fewer rows or columns, smaller batches or layers, or an array that has not been transferred.',
    example: 'link: expected a program whose arena fits into memory; received 70368744177664 bytes',
  },
  HADAMARD_NOT_NUMBER: {
    meaning: 'A value that must be a number is something else.',
    cure: 'Convert texts to numbers, and turn missing values to numbers; `train` does both.',
    example: "x: row 0, position 1: expected a number; received '2'",
  },
  HADAMARD_NOT_FINITE: {
    meaning: 'A number is infinite, NaN, or beyond what the element type holds.',
    cure: 'Fill in or leave out missing values, and scale large ones.',
    example:
      'x: row 0, position 1: expected a finite float32 number; received NaN. Fill in or leave out ' +
      'missing values; train() on a CSV does so itself',
  },
  HADAMARD_TARGET_VALUE: {
    meaning: 'A target is none that the loss can take.',
    cure: 'Give class indices from 0, 0 and 1, -1 and 1, or shares that sum to 1, whichever the message names.',
    example: 'y: row 2: expected a class index from 0 to 2; received 3',
  },
  HADAMARD_WEIGHT: {
    meaning: 'Weights of rows or classes are below 0, missing, or all 0.',
    cure: 'Give numbers of at least 0, one of them above.',
    example: 'sampleWeights: row 1: expected a weight of at least 0; received -1',
  },
  HADAMARD_NO_ROWS: {
    meaning: 'There are no rows left for what was asked, or too few.',
    cure: 'Use more rows, larger shares, or rows that have a target.',
    example: 'x: expected at least one row; received 0 rows',
  },
  HADAMARD_ROW: {
    meaning: 'A row is no object, or a field of it has a value that no table can hold.',
    cure: 'Give each row as an object with a number, text, boolean or null per column.',
    example: 'train: row 40: expected an object with a value per column; received 7',
  },
  HADAMARD_ROW_FIELDS: {
    meaning: 'A row lacks fields that the model was trained on, or has fields that it was not trained on.',
    cure: 'Give every field of training, null where the value is missing, and no others.',
    example: "row: expected the field 'age', null where missing; received a row without. Is 'Age' misspelled",
  },
  HADAMARD_COLUMN_MISSING: {
    meaning: 'A column that was named, or that a model needs, is not in the table.',
    cure: 'Correct the name; the message lists the columns that there are.',
    example:
      "target: expected a column named 'aeg'; received the columns 'age', 'city', 'y'. Did you mean 'age'?",
  },
  HADAMARD_COLUMN_TYPE: {
    meaning: 'A column holds values of another type than asked for, or than the model was trained on.',
    cure: 'Correct the value, leave the type to be found, or set another (`types`, `--type`).',
    example: "table row 0, column age: expected a number, as in the training data; received the text 'old'",
  },
  HADAMARD_NO_COLUMNS: {
    meaning: 'No column is left to learn from.',
    cure: 'Ignore fewer columns, or add some that differ from row to row.',
    example: 'rows: expected columns to learn from; received none beside the target',
  },
  HADAMARD_TARGET_COLUMN: {
    meaning:
      'The target column has nothing to learn: no values, one value only, or texts where numbers are due.',
    cure: 'Choose another target or task, or more rows.',
    example: "rows: column y: expected at least 2 different values; received only '1' in 40 rows",
  },
  HADAMARD_CLASS_UNKNOWN: {
    meaning: 'A class is named, or found in rows, that the training rows do not have.',
    cure: 'Correct its name, or see that the training rows have it.',
    example: "positive: expected one of the classes '0', '1'; received 2",
  },
  HADAMARD_SPLIT: {
    meaning: 'The rows cannot be split as asked for: a part is empty, or a split file is wrong.',
    cure: 'Use more rows, smaller shares, another column or a corrected file.',
    example: 'split test: expected row numbers from 0 to 39; received 40',
  },
  HADAMARD_FILE_READ: {
    meaning: 'A file or stream cannot be read.',
    cure: 'Check the path and the permissions.',
    example: 'penguin.csv: expected a CSV file; received no such file',
  },
  HADAMARD_FILE_WRITE: {
    meaning: 'A file cannot be written, or would overwrite an input.',
    cure: 'Name a file in a folder that exists and that you may write to.',
    example: 'models/a.model: expected a file that can be written; received no such file or folder',
  },
  HADAMARD_CSV_EMPTY: {
    meaning: 'A CSV has no header line or no rows.',
    cure: 'Check that it is the right file, and that it was written to its end.',
    example: 'empty.csv: expected a header line and rows; received an empty file',
  },
  HADAMARD_CSV_HEADER: {
    meaning: 'The header line of a CSV has a column without a name, or a name twice.',
    cure: 'Name every column differently, or read the file without a header.',
    example: "a.csv line 1: expected a name of its own for every column; received 'x' twice",
  },
  HADAMARD_CSV_RAGGED: {
    meaning: 'A line of a CSV has more or fewer fields than the header.',
    cure: 'Look for a delimiter inside an unquoted text, or a line that was cut; `--on-error skip` leaves such lines out.',
    example:
      'a.csv line 3: expected 3 fields, as in the header; received 2. Add the fields that are missing (byte 12: 4,5)',
  },
  HADAMARD_CSV_QUOTE: {
    meaning: 'A quoted text of a CSV is not closed, or goes on behind its closing quote.',
    cure: 'Close it, and write a quote inside a quoted text twice (byte 8, column 1: "Ann,1).',
    example:
      'a.csv line 2, column name: expected a closing quote; received the end of the file after "Ann,1. ' +
      'Close the quote, or write a quote inside a quoted text twice (byte 8, column 1: "Ann,1)',
  },
  HADAMARD_CSV_NUMBER: {
    meaning: 'A field of a numeric column of a CSV is no finite number.',
    cure: 'Correct it, declare the column categorical, or list the text as missing.',
    example:
      "a.csv line 3, column age: expected a number, as the column is declared numeric; received 'old'. Correct it, list it as missing, or declare the column categorical (byte 6, column 1: old)",
  },
  HADAMARD_CSV_MISSING: {
    meaning: 'A CSV has a missing value, and the reader was told that there are none.',
    cure: 'Fill it in, or allow missing values.',
    example:
      'a.csv line 3, column age: expected a value, as missing ones are not allowed; received an empty field. ' +
      'Fill it in, or allow missing values (byte 10, column 1: ,3)',
  },
  HADAMARD_CSV_ENCODING: {
    meaning: 'A CSV is not in UTF-8.',
    cure: 'Save or convert it as UTF-8.',
    example: 'a.csv: expected a file in UTF-8; received one in UTF-16. Save it as UTF-8',
  },
  HADAMARD_CSV_RECORD: {
    meaning: 'A record of a CSV is longer than allowed; mostly a quote that was never closed.',
    cure: 'Close the quote.',
    example:
      'a.csv line 2: expected a record of at most 1048576 bytes; received a longer one. ' +
      'A quote may be open: close it, or write a quote inside a quoted text twice (byte 8, column 1: "Ann,1)',
  },
  HADAMARD_CSV_PACKED: {
    meaning: 'A packed CSV is damaged or cut off, or this Node cannot unpack it.',
    cure: 'Copy or pack it anew, unpack it first, or use a newer Node.',
    example:
      'a.csv.gz: expected a complete packed file; received unexpected end of file. It is damaged or cut ' +
      'off: copy or pack it anew',
  },
  HADAMARD_CSV_CHANGED: {
    meaning: 'A file changed while it was read.',
    cure: 'Read it when it is complete, or read a copy.',
    example:
      'a.csv: expected a file that stays as it is while it is read, of 100 bytes; received one that was written to. ' +
      'Read it when it is complete, or read a copy',
  },
  HADAMARD_CSV_FILES: {
    meaning: 'Several files or chunks that are read as one do not have the same columns.',
    cure: 'Give all of them the same columns in the same order.',
    example: "b.csv: expected the columns 'x', 'y', as in a.csv; received 'x', 'z'",
  },
  HADAMARD_SOURCE: {
    meaning: 'A query, or a file in another format than CSV, cannot be read.',
    cure: 'Correct the query, or take another copy of the file; the message has what the reader said.',
    example:
      'duckdb: expected SQL that DuckDB can answer; received Failed to extract statements: Parser Error: syntax error at or near "SELEKT"',
  },
  HADAMARD_SOURCE_COLUMN: {
    meaning:
      'A column of a query or an Arrow file has values that a table cannot hold, or its name is there twice.',
    cure: 'Convert, rename or leave out the column that the message names.',
    example:
      "duckdb, column x: expected a name of its own for every column; received 'x' twice. Rename one with AS",
  },
  HADAMARD_PEER_MISSING: {
    meaning: 'A package that is installed only where it is needed is not there, or does not load.',
    cure: 'Install it beside this package, by the command of the message.',
    example:
      'people.parquet: expected the package @duckdb/node-api, with which SQL and Parquet files are read; received none. Install it beside hadamard: npm install @duckdb/node-api',
  },
  HADAMARD_SCHEMA: {
    meaning: 'A schema, or the file of one, is not of the form that `dataset.schema` has.',
    cure: 'Write one with `hadamard schema FILE --output SCHEMA.json`, or take that of a dataset.',
    example: "schema.columns: expected a list of columns; received 'x,y'",
  },
  HADAMARD_CACHE: {
    meaning: 'Rows that training keeps on disk cannot be written there, or changed meanwhile.',
    cure: 'Give it a folder with room that nobody else writes to (`cache`, TMPDIR).',
    example:
      'fit: cache: expected a folder that can be written; received a path through something that is no folder',
  },
  HADAMARD_MODEL_FILE: {
    meaning: 'A model file is damaged, is none, or its parts do not fit together.',
    cure: 'Take another copy of it, or train again.',
    example: 'a.model: expected a model file; received an empty file',
  },
  HADAMARD_MODEL_VERSION: {
    meaning: 'A model file was written in a format that this version does not know.',
    cure: 'Update the package, or train again with this version.',
    example:
      "a.model: expected format version 1 or 2; received '9'. It was written by hadamard 9.0.0; this is 0.1.0",
  },
  HADAMARD_METRIC_LABEL: {
    meaning:
      'A metric got labels that it cannot take: of two kinds, of too few or too many classes, or unknown ones.',
    cure: 'Give targets and predictions the same kind of labels, and name `positive`, `labels` or `average`.',
    example: "precision: positive: expected one of the labels 'a' and 'b'; received 'c'",
  },
  HADAMARD_PROBABILITY: {
    meaning: 'A metric got probabilities below 0 or above 1, or rows that do not add up to 1.',
    cure: 'Give probabilities, not logits.',
    example: 'logLoss: probabilities: row 1: expected probabilities from 0 to 1; received 1.5',
  },
  HADAMARD_DIVERGED: {
    meaning: 'Training met a loss, gradient or weight that is not finite, or a loss that explodes.',
    cure: 'Lower the learning rate, scale inputs and targets, or correct the value that the message names.',
    example: 'fit: epoch 2, step 14: expected a finite loss; received NaN',
  },
  HADAMARD_BACKEND_CHOICE: {
    meaning: 'The asked-for backend does not exist, or cannot do what else was asked for.',
    cure: 'Leave the choice out; `hadamard doctor` tells what this machine can run.',
    example: 'backend: expected native or fallback; received gpu',
  },
  HADAMARD_ISA_MISSING: {
    meaning: 'This machine or this binary lacks the asked-for instruction set.',
    cure: 'Leave `isa` and HADAMARD_ISA out, or name one that the message lists.',
    example: 'isa: expected one of avx2, scalar, which this machine has; received neon',
  },
  HADAMARD_NO_BINARY: {
    meaning: 'There is no native core for this platform, or it does not load or is of another version.',
    cure: 'Compile it: `npx hadamard build`. The fallback gives the same numbers, more slowly.',
    example:
      'native core: expected a binary for linux-x64; received: No native build was found. ' +
      'Compile it with npx hadamard build',
  },
  HADAMARD_SELF_TEST: {
    meaning: 'The native core computes other numbers than the fallback.',
    cure: 'Compile it anew: `npx hadamard build`. HADAMARD_BACKEND=fallback goes without it.',
    example:
      'native core (avx2): expected the bits of the fallback in its self-test; received a difference in subtract. …',
  },
  HADAMARD_PARITY: {
    meaning: 'Under `verify` an instruction gave other numbers on the native core than on the fallback.',
    cure: 'Set HADAMARD_BACKEND=fallback, and please report it.',
    example: 'matmul_nn on avx2, m 3 n 4 k 5 float32: y differs from the fallback at element 2: …',
  },
  HADAMARD_PROGRAM: {
    meaning: 'A backend refuses a program, an entry of it, or memory handed to it.',
    cure: 'Please report it, unless arrays were transferred or changed while a run was going on.',
    example: 'run: the program has no entry epoch',
  },
  HADAMARD_BUILD: {
    meaning: '`hadamard build` could not compile the native core.',
    cure: 'Install python3, make and a C++20 compiler; `--verbose` shows the whole output.',
    example: 'build: expected node-gyp; found none. Install it with: npm install --save-dev node-gyp',
  },
  HADAMARD_INIT: {
    meaning: '`hadamard init` could not write the project, or npm could not install it.',
    cure: 'Name a new folder; where npm failed, run `npm install` there.',
    example: 'init: expected a folder; received my-model, which is a file',
  },
  HADAMARD_INTERRUPTED: {
    meaning: 'Training was interrupted before there was anything to keep.',
    cure: 'Let it go on for at least one epoch.',
    example: 'interrupted before the first epoch was over; no model is saved',
  },
  HADAMARD_DATA: {
    meaning: 'Data do not fit, in a way that has no code of its own.',
    cure: 'See the message.',
    example: 'a.csv: expected rows; received something else',
  },
  HADAMARD_INTERNAL: {
    meaning: 'The library contradicts itself.',
    cure: 'Please report it, with the message and the stack.',
    example: 'matmul_nn has no gradient rule',
  },
  HADAMARD_LOSS_PAIRING: {
    meaning: 'A warning: the loss learns slowly on the activation of the last layer.',
    cure: 'Use the loss that the message names, or `node --disable-warning=HADAMARD_LOSS_PAIRING` where it is meant.',
    example:
      'squaredError on a softmax output learns slowly where an answer is confidently wrong: the gradient vanishes ' +
      'there. Use the loss categoricalCrossEntropy, or node --disable-warning=HADAMARD_LOSS_PAIRING where the pair is meant',
  },
  HADAMARD_UNSCALED_INPUT: {
    meaning: 'A warning: a column of the inputs is far larger than what networks learn well from.',
    cure: 'Standardise the columns, begin with `batchNorm()`, let `train()` do it, or `node --disable-warning=HADAMARD_UNSCALED_INPUT`.',
    example:
      'column 0 of x is about 2000 large, where networks learn best from inputs of about 1. Subtract the mean of each ' +
      'column and divide by its standard deviation, begin with batchNorm(), or let train() do it; node ' +
      '--disable-warning=HADAMARD_UNSCALED_INPUT where it is meant',
  },
})

/** The code of an error or a warning, by which it is found in docs/errors.md. */
export type ErrorCode = keyof typeof errorCodes

// Checks the rows and keeps the codes' names as a union.
function tableOf<Code extends `HADAMARD_${string}`>(
  table: Record<Code, ErrorCodeInfo>,
): Readonly<Record<Code, ErrorCodeInfo>> {
  return table
}
