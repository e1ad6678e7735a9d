#!/usr/bin/env node
import { isTooOld, nodeWebsite, oldestNode } from './cli/node-version.js'

/** The command of the package. An old Node must be able to run this file, so the rest is imported only afterwards. */
const { node } = process.versions
if (isTooOld(node)) {
  const needs = `line-graphql-gateway needs Node.js ${oldestNode} or newer, and this is ${node}.`
  process.stderr.write(`${needs} Get a newer one from ${nodeWebsite}\n`)
  process.exitCode = 1
} else {
  void import('./cli/commands.ts').then(({ runCommand }) => runCommand(process.argv.slice(2)))
}
