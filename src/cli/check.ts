import { readEnvFile } from '../config/env-file.ts'
import { ConfigError, readConfig } from '../config.ts'
import { checkKeyFile } from '../login/signing-key-file.ts'
import type { Reply } from './command-line.ts'

export function checkEnvironment(): Reply {
  return checkSettings(process.env, readEnvFile())
}

/** Reads the settings as `start` does, and starts nothing. `envFileWarnings`: what is wrong with `.env`. */
export function checkSettings(env: NodeJS.ProcessEnv, envFileWarnings: readonly string[]): Reply {
  try {
    const { warnings } = readConfig(env, { checkKeyFile })
    const all = [...envFileWarnings, ...warnings, ...(env.NODE_ENV === 'development' ? [ofDevelopment] : [])]
    const list = all.length === 0 ? [] : ['Warnings:', ...all.map((warning) => `  ${warning}`)]
    return { code: 0, text: lines('The settings are right.', ...list) }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { code: 1, text: lines(error.message, ...envFileWarnings) }
  }
}

const ofDevelopment = 'NODE_ENV: is development: checked for development, which needs less than production'

const lines = (...all: readonly string[]) => `${all.join('\n')}\n`
