/** The tables of activations, losses, optimizers, schedules, initializers and ops as a page, from the tables of the code. */

import { optimizerTable } from '../../src/compiler/optimizers.ts'
import { activationTable } from '../../src/layers/activation.ts'
import { layerNames } from '../../src/layers/index.ts'
import { initializers } from '../../src/layers/initializers.ts'
import { lossInfo, lossTable, type LossName } from '../../src/layers/loss.ts'
import { ops } from '../../src/ops/index.ts'
import { scheduleTable } from '../../src/training/schedules.ts'

/** A setting as the tables of the code have it: with limits, or only its default. */
type Setting = number | { readonly default?: number }

const TARGETS = {
  regression: 'numbers',
  margin: '−1 or 1',
  binary: '0 or 1, or shares; class indices for one output',
  classes: 'class indices, one-hot rows, or rows of shares',
} as const

/** The page, in Markdown. */
export function tablesPage(): string {
  return `${[
    '# Tables',
    'What the library knows by name, written from the tables of its code. The formulas of losses and optimizers, rounding by rounding: [numerics](../../docs/numerics.md).',
    `Layers: ${layerNames.map(code).join(', ')}.`,
    section('Activations', ['name', 'formula', 'settings', 'initial weights'], activationRows()),
    section('Losses', ['name', 'targets', 'last activation', 'reduction', 'settings'], lossRows()),
    section('Optimizers', ['name', 'learning rate', 'weight decay', 'settings'], optimizerRows()),
    section('Schedules', ['name', 'settings'], namedSettings(scheduleTable)),
    section('Initializers', ['name', 'settings'], namedSettings(initializers)),
    section('Ops', ['name', 'threads split', 'gradient', 'signature'], opRows()),
    'A signature is `(dims | scalars | inputs) -> outputs`; an output `y~x` may lie where x lies. Ops without a gradient are those of gradients, updates and control.',
  ].join('\n\n')}\n`
}

function activationRows(): string[][] {
  return Object.entries(activationTable).map(([name, info]) => [
    code(name),
    code(info.formula),
    settingsOf(info),
    code(info.initializer),
  ])
}

function lossRows(): string[][] {
  return (Object.keys(lossTable) as LossName[]).map((name) => {
    const info = lossInfo(name)
    const needs = [info.needs, info.otherwise?.needs].filter((activation) => activation !== undefined)
    const last = info.squash === undefined ? 'any' : `\`linear\`; \`${info.squash}\` in prediction`
    return [
      code(name),
      TARGETS[info.task],
      needs.length === 0 ? last : needs.map(code).join(' or '),
      code(info.reduction),
      settingsOf(info),
    ]
  })
}

function optimizerRows(): string[][] {
  return Object.entries(optimizerTable).map(([name, info]) => [
    code(name),
    String(info.learningRate),
    'weightDecay' in info ? String(info.weightDecay) : '0',
    settingsOf(info),
  ])
}

function opRows(): string[][] {
  return Array.from(ops.values(), ({ name, split, gradient, signature }) => [
    code(name),
    split === 'serial' ? 'nothing' : code(split),
    gradient === undefined ? '' : 'yes',
    code(signature.text),
  ])
}

function namedSettings(table: Readonly<Record<string, object>>): string[][] {
  return Object.entries(table).map(([name, info]) => [code(name), settingsOf(info)])
}

function settingsOf(info: { readonly settings?: Readonly<Record<string, Setting>> } | object): string {
  const settings = 'settings' in info ? (info.settings ?? {}) : {}
  const texts = Object.entries(settings).map(([name, setting]) => {
    const value = typeof setting === 'number' ? setting : setting.default
    return value === undefined ? code(name) : `${code(name)} ${value}`
  })
  return texts.join(', ')
}

function section(title: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [`## ${title}\n`, line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

// A bar would end the cell.
function code(text: string): string {
  return `\`${text.replaceAll('|', '\\|')}\``
}
