import { benchCommand } from './bench/bench-command.js'
import { buildCommand } from './build/build-command.js'
import { callCommand } from './call/call-command.js'
import { chooseCommand } from './choose/choose-command.js'
import type { Command } from './command.js'
import { doctorCommand } from './doctor/doctor-command.js'
import { listCommand } from './list/list-command.js'
import { metricsCommand } from './metrics/metrics-command.js'
import { monitorCommand } from './monitor/monitor-command.js'
import { sendCommand } from './send/send-command.js'
import { tailCommand } from './tail/tail-command.js'
import { topCommand } from './top/top-command.js'

/** In the order of the help. */
export const COMMANDS: readonly Command[] = [
  doctorCommand,
  listCommand,
  topCommand,
  monitorCommand,
  metricsCommand,
  tailCommand,
  sendCommand,
  callCommand,
  benchCommand,
  chooseCommand,
  buildCommand,
]
