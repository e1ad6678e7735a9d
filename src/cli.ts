#!/usr/bin/env node
const commands: Readonly<Record<string, () => Promise<unknown>>> = {
  dev: () => import('./dev/main.ts'),
  start: () => import('./main.ts'),
  emulator: () => import('./emulator/main.ts'),
}

await commands[process.argv[2] ?? '']?.()
