// Compares shmwire with its alternatives: two real processes, competitors in turn. `npm run bench -- --help` has the options.
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { caseNames, listOfNames } from './support/catalog.mjs'
import { ProcessTimes, secondsOf, showDuration } from './support/duration.mjs'
import {
  describeCommit,
  describeMachine,
  machineKey,
  showLoad,
  showMachine,
  versionOf,
} from './support/machine.mjs'
import { measureTable } from './support/measure.mjs'
import { buildNative } from './support/native.mjs'
import { installPackages } from './support/packages.mjs'
import { makePlan, needsPackages } from './support/plan.mjs'
import { reportTable, reportVerdicts } from './support/report.mjs'
import { writeResults } from './support/results.mjs'
import { judge } from './support/verdicts.mjs'
import { TARGETS } from './targets.mjs'

const HELP = `Compares shmwire with its alternatives: two real processes, competitors in turn.

  npm run bench -- [--quick | --smoke] [--only NAME]… [--repeat N] [--node PATH] [--json FILE] [--no-install]
  npm run bench -- --micro | --list | --help

  --quick       some scenarios, some competitors, short: an overview within two minutes, not to quote
  --smoke       a moment of some scenarios, with the installed packages: checks that the suite works
  --only        a group, a scenario, or a case of one: topics, one-way, one-way/1KiB; may be given more than once
  --repeat      repetitions of each competitor in each scenario
  --node        the runtime to measure; default the one that runs this
  --json        where the figures go; default bench/results/ and a file for this machine and Node, of a partial run
                bench/results/partial.json
  --no-install  leaves out the competitors whose packages are not installed
  --micro       codecs and single calls within one process instead: bench/micro
  --list        the names for --only, without measuring

Without options it takes 25 minutes. Build the package first: npm run build.
Exit code 1: a competitor failed, or with all of it measured a target was missed. 2: wrong options.`

const ROUGH = 'These figures are rough: short runs, few repetitions. Do not quote them.'

const options = readOptions()
if (options.help) console.log(HELP)
else if (options.list) console.log((await listOfNames()).join('\n'))
else if (options.micro) await import('./micro/run.mjs')
else await runSuite()

async function runSuite() {
  await checkNames(options.only ?? [])
  const machine = describeMachine(options.node)
  console.log(`${showMachine(machine)}. ${showLoad(machine)}`)
  if (options.form !== 'whole') console.log(ROUGH)
  const plan = await prepare()
  console.log(
    `${plan.length} ${plan.length === 1 ? 'table' : 'tables'}, ${showDuration(secondsOf(plan))} on an idle machine.`,
  )
  const times = new ProcessTimes()
  const scenarios = []
  for (const table of plan) {
    const result = await measureTable(table, options.node, showProgress)
    scenarios.push(result)
    console.log(reportTable(result).join('\n'))
  }
  const verdicts = judge(TARGETS, scenarios, machine.node)
  if (verdicts.length > 0) console.log(reportVerdicts(verdicts).join('\n'))
  const { seconds, cpuSeconds } = times.now()
  const cpu =
    cpuSeconds === undefined
      ? ''
      : `; CPU time of all processes ${showDuration(cpuSeconds)}, on ${machine.cores} cores`
  console.log(`\nIt took ${showDuration(seconds)}${cpu}.`)
  if (options.form !== 'whole') console.log(ROUGH)
  const file = options.file ?? inResults(`${machineKey(machine)}.json`)
  console.log(`The figures are in ${relative(process.cwd(), file)}.`)
  writeResults(file, {
    date: new Date().toISOString(),
    commit: describeCommit(),
    form: options.form,
    machine,
    seconds,
    cpuSeconds,
    scenarios,
    verdicts,
  })
  const failed = scenarios.some(({ competitors }) => competitors.some(({ error }) => error !== undefined))
  const missed = options.form === 'whole' && verdicts.some(({ verdict }) => verdict.startsWith('not '))
  process.exitCode = failed || missed ? 1 : 0
}

async function checkNames(names) {
  const known = await caseNames()
  for (const name of names) {
    if (!known.includes(name))
      usage(`--only ${name}: there is no such group, scenario or case; --list has the names`)
  }
}

/** The plan of the measurement, after all available packages were installed. */
async function prepare() {
  const { form, only, repeat, install } = options
  if (install && (await needsPackages(form))) {
    showProgress('installing the competitors')
    const fault = installPackages()
    showProgress('')
    if (fault !== undefined) console.log(`The competitors' packages cannot be installed: ${fault}`)
  }
  const plan = await makePlan({ form, only, repeat })
  const programs = plan.flatMap(({ entries }) => entries).filter(({ program }) => program !== undefined)
  const fault = programs.length > 0 ? buildNative() : undefined
  if (fault !== undefined) {
    console.log(`The programs in C++ cannot be built: ${fault}`)
    for (const entry of programs) entry.absent = `cannot be built here: ${fault}`
  }
  return plan
}

function showProgress(text) {
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${text}`)
}

function readOptions() {
  const { quick, smoke, only, repeat, node, json, micro, list, help, ...flags } = parse()
  if (node !== undefined && !/^v\d/.test(versionOf(node) ?? ''))
    usage(`--node ${node}: it is not an executable Node`)
  const count = repeat === undefined ? undefined : Number(repeat)
  if (count !== undefined && (!Number.isInteger(count) || count < 1))
    usage(`--repeat ${repeat}: an integer from 1`)
  const form = (smoke && 'smoke') || (quick && 'quick') || 'whole'
  const isPartial = form !== 'whole' || only !== undefined
  return {
    form,
    micro,
    list,
    help,
    only,
    repeat: count,
    install: !smoke && !flags['no-install'],
    node: node ?? process.execPath,
    file: json ?? (isPartial ? inResults('partial.json') : undefined),
  }
}

function inResults(file) {
  return fileURLToPath(new URL(`results/${file}`, import.meta.url))
}

function parse() {
  const text = { type: 'string' }
  const flag = { type: 'boolean', default: false }
  try {
    const config = {
      quick: flag,
      smoke: flag,
      micro: flag,
      list: flag,
      help: flag,
      'no-install': flag,
      only: { ...text, multiple: true },
      repeat: text,
      node: text,
      json: text,
    }
    return parseArgs({ options: config }).values
  } catch (error) {
    return usage(error.message)
  }
}

function usage(fault) {
  console.error(`${fault}\nnpm run bench -- --help has the options`)
  process.exit(2)
}
