import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts'
import { web } from '../harness/channels.ts'
import { deployFiles, deployText, environmentIn, runComment } from '../harness/deploy-files.ts'
import { deployValidators } from '../harness/deploy-validators.ts'
import { freePort } from '../harness/free-port.ts'
import { project, usePrograms } from '../harness/programs.ts'
import { describeWithRedis, useRedis } from '../harness/redis.ts'
import { describeWithPackages, installPackages } from '../harness/test-packages.ts'
import { ask } from '../harness/workers.ts'

const packages = await installPackages('test/long/deploy-files')
const [kubernetes, compose, service] = deployFiles

type Volume = { readonly name: string; readonly secret: { readonly secretName: string; readonly defaultMode: number } }

type ComposeService = {
  readonly secrets: readonly string[]
  readonly command?: readonly string[]
  readonly environment: Readonly<Record<string, string>>
}

/** The user of the image of Redis, and the part of its memory that its data can take. */
const redisUser = 999
const dataOfMemory = 0.8

describeWithPackages(packages, 'the validators', 'the files for operators', (folder) => {
  const validators = deployValidators(folder)
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  describe('the linter of the Dockerfile', () => {
    const text = readFileSync(join(project, 'Dockerfile'), 'utf8')

    it('finds nothing', () => {
      expect(validators.lintDockerfile(text)).toEqual([])
    })

    it.each([
      ['WORKDIR /app', 'WORKDIR app', 'WORKDIR paths should be absolute'],
      ['--interval=10s', '--intervall=10s', 'Unknown flag: intervall'],
      ['EXPOSE 4000', 'EXPOSE http', 'Invalid containerPort'],
      ['USER 1000', 'USER', 'has no arguments'],
      ['CMD ["node", "--min', 'CMD node\nCMD ["node", "--min', 'only be one CMD'],
    ])('%s written as %s: found', (right, wrong, problem) => {
      expect(validators.lintDockerfile(text.replace(right, wrong)).join('\n')).toContain(problem)
    })
  })

  describe(`the schemas of ${kubernetes}`, () => {
    const text = deployText(kubernetes)

    it('find nothing', () => {
      const { kinds, problems } = validators.validateKubernetes(text)
      expect(problems).toEqual([])
      const expected = ['ConfigMap', 'Deployment', 'Service', 'PodDisruptionBudget', 'NetworkPolicy']
      expect(kinds).toEqual([...expected, 'Deployment', 'Service', 'NetworkPolicy'])
    })

    it('find a misspelt member, a wrong type, a wrong word and a wrong quantity', () => {
      const wrong = text
        .replace('readOnlyRootFilesystem', 'readOnlyRootFileSystem')
        .replace('containerPort: 4000', 'containerPort: http')
        .replace('ScheduleAnyway', 'Anyway')
        .replace('memory: 512Mi', 'memory: 512MB')
      const problems = validators.validateKubernetes(wrong).problems.join('\n')
      for (const one of [
        'readOnlyRootFileSystem',
        'containerPort must',
        'whenUnsatisfiable must',
        'requests/memory must',
      ])
        expect(problems).toContain(one)
    })

    const objects = text.split(/^---$/m).map((one) => validators.parseYaml(one))
    const named = (kind: string) => objects.filter((one) => one.kind === kind)
    const pods = named('Deployment').map(({ spec }) => spec.template)

    it('the labels, ports and names that refer to each other exist', () => {
      for (const { spec, metadata } of [
        ...named('Service'),
        ...named('PodDisruptionBudget'),
        ...named('NetworkPolicy'),
      ]) {
        const labels = spec.podSelector?.matchLabels ?? spec.selector.matchLabels ?? spec.selector
        const found = pods.filter((pod) =>
          Object.entries(labels).every(([key, value]) => pod.metadata.labels[key] === value),
        )
        expect(found, metadata.name).toHaveLength(1)
        const names = found[0].spec.containers[0].ports.map(({ name }: { name: string }) => name)
        const used = [...(spec.ports ?? []), ...(spec.ingress ?? []).flatMap(({ ports }: { ports: object[] }) => ports)]
        expect(names).toEqual(expect.arrayContaining(used.map(({ targetPort, port }) => targetPort ?? port)))
      }
      for (const { spec } of pods) {
        const [container] = spec.containers
        const probes = [container.readinessProbe, container.livenessProbe]
        const ports = container.ports.map(({ name }: { name: string }) => name)
        for (const { httpGet, tcpSocket } of probes) expect(ports).toContain((httpGet ?? tcpSocket).port)
      }
      expect(text).toContain(`redis://gateway:PASSWORD@${named('Service')[1]?.metadata.name}:6379`)
      expect(pods[0].spec.containers[0].envFrom[0].configMapRef.name).toBe(named('ConfigMap')[0]?.metadata.name)
    })

    it('each secret that the comment makes is mounted where it is read, for the user of the container and no other', () => {
      const made = mkdtempSync(join(tmpdir(), 'secrets-'))
      runComment(kubernetes, made)
      const users = [Number(/^USER (\d+)$/m.exec(readFileSync(join(project, 'Dockerfile'), 'utf8'))?.[1]), redisUser]
      for (const [index, { spec }] of pods.entries()) {
        const [container] = spec.containers
        const values: readonly string[] = container.args ?? Object.values(environmentIn(kubernetes))
        const mounted = spec.volumes.flatMap(({ name, secret }: Volume) => {
          const mount = container.volumeMounts.find((one: { name: string }) => one.name === name)
          expect(secret.defaultMode).toBe(0o440)
          return readdirSync(join(made, secret.secretName)).map((key) => `${mount?.mountPath}/${key}`)
        })
        expect(mounted.sort()).toEqual(values.filter((value) => value.startsWith('/run/')).sort())
        const user = users[index]
        const ids = { runAsNonRoot: true, runAsUser: user, runAsGroup: user, fsGroup: user }
        expect(spec.securityContext).toEqual({ ...ids, seccompProfile: { type: 'RuntimeDefault' } })
        const capabilities = { drop: ['ALL'] }
        const rights = { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities }
        expect(container.securityContext).toEqual(rights)
      }
      rmSync(made, { recursive: true })
    })

    it('a deploy ends no pod before a new one is ready, and a pod that drains is not restarted', () => {
      const [gateway] = pods[0].spec.containers
      expect(named('Deployment')[0].spec.strategy.rollingUpdate).toEqual({ maxUnavailable: 0, maxSurge: 1 })
      const { readinessProbe: ready, livenessProbe: alive, startupProbe: started } = gateway
      expect(ready.httpGet).toEqual({ path: '/ready', port: 'http' })
      for (const { httpGet } of [alive, started]) expect(httpGet).toEqual({ path: '/health', port: 'http' })
      const noticed = ready.periodSeconds * ready.failureThreshold
      expect(Number(environmentIn(kubernetes).SHUTDOWN_DELAY_SECONDS)).toBeGreaterThan(noticed)
      expect(started.periodSeconds * started.failureThreshold).toBeGreaterThanOrEqual(60)
    })

    it('the metrics are for one namespace, Redis for the gateway', () => {
      const [[all, metrics], [redis]] = named('NetworkPolicy').map(({ spec }) => spec.ingress)
      expect(all).toEqual({ ports: [{ port: 'http' }] })
      expect(metrics.from).toEqual([{ namespaceSelector: { matchLabels: expect.anything() } }])
      expect(redis.from).toEqual([{ podSelector: { matchLabels: pods[0].metadata.labels } }])
    })
  })

  describe(`the schema of ${compose}`, () => {
    const text = deployText(compose)

    it('finds nothing', () => {
      expect(validators.validateCompose(text)).toEqual([])
    })

    it('finds a misspelt member and a wrong type', () => {
      const wrong = text
        .replace('read_only: true', 'readonly: true')
        .replace('depends_on: [redis]', 'depends_on: redis')
      const problems = validators.validateCompose(wrong).join('\n')
      expect(problems).toContain('readonly')
      expect(problems).toContain('/services/gateway/depends_on')
    })

    it('each secret that the comment makes is mounted where it is read, and the user of the container can read it', () => {
      const made = mkdtempSync(join(tmpdir(), 'secrets-'))
      runComment(compose, made)
      const { services, secrets } = validators.parseYaml(text)
      const files = Object.entries<{ file: string }>(secrets).map(
        ([name, { file }]) => [name, resolve(made, file)] as const,
      )
      expect(files.map(([, file]) => file).sort()).toEqual(
        readdirSync(join(made, 'secrets')).map((name) => join(made, 'secrets', name)),
      )
      for (const [name, file] of files) expect([basename(file), statSync(file).mode & 0o777]).toEqual([name, 0o644])
      expect(statSync(join(made, 'secrets')).mode & 0o777).toBe(0o700)
      rmSync(made, { recursive: true })
      for (const { secrets: used, command, environment } of Object.values<ComposeService>(services)) {
        const values: readonly string[] = command ?? Object.values(environment)
        const read = values.filter((value) => value.startsWith('/run/'))
        expect(read.sort()).toEqual(used.map((name) => `/run/secrets/${name}`).sort())
      }
    })

    it('builds this project; both services are read-only, and neither has rights', () => {
      const { services } = validators.parseYaml(text)
      expect(resolve(project, 'test/deploy', services.gateway.build)).toBe(resolve(project))
      expect(services.gateway.user).toBe(undefined)
      expect(services.redis.user).toBe(`${redisUser}:${redisUser}`)
      const rights = { read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] }
      for (const service of Object.values(services)) expect(service).toMatchObject(rights)
    })
  })

  describeWithSystemd(() => {
    it('systemd accepts it, and finds it well confined', () => {
      expect(verify(deployText(service))).toBe('')
      const report = execFileSync('systemd-analyze', ['security', '--offline=yes', unit], { encoding: 'utf8' })
      expect(Number(/exposure level for \S+: ([\d.]+)/.exec(report)?.[1])).toBeLessThan(2)
    })

    it('a misspelt directive: found', () => {
      expect(verify(deployText(service).replace('TimeoutStopSec', 'TimeoutStopSecs'))).toContain('TimeoutStopSecs')
    })

    const unit = join(folder, 'line-graphql-gateway.service')
    function verify(text: string): string {
      // The program is not installed on this machine.
      writeFileSync(unit, text.replace('/usr/bin/node', process.execPath))
      const options = { encoding: 'utf8', stdio: 'pipe' } as const
      return execFileSync('sh', ['-c', `systemd-analyze verify "$1" 2>&1 || true`, 'sh', unit], options)
    }
  })

  describeWithRedis('the settings of the files', () => {
    const programs = usePrograms()
    const servers = useRedis()
    let emulator: Emulator
    let secrets: string
    beforeEach(async () => {
      emulator = await startEmulator({ channels: [web] })
      secrets = mkdtempSync(join(tmpdir(), 'secrets-'))
    })
    afterEach(async () => {
      await emulator.close()
      rmSync(secrets, { recursive: true })
    })

    it.each(deployFiles)(
      '%s: the gateway starts, shares through Redis, answers the probes, ends with 0',
      async (file) => {
        const redis = await servers.start(...redisArguments(file === service ? compose : file))
        const url = `redis://gateway:PASSWORD@127.0.0.1:${redis.port}`
        const texts = { 'line-channel-secret': web.secret, 'cache-secret': 'c'.repeat(64), 'redis-url': url }
        for (const [name, text] of Object.entries(texts)) writeFileSync(join(secrets, name), `${text}\n`)
        const keys = join(secrets, 'signing.json')
        execFileSync(process.execPath, ['src/keys.ts', 'new', keys], { cwd: project })

        const port = await freePort()
        const own = environmentIn(file)
        const paths = Object.entries(own).filter(([name]) => name.endsWith('_FILE'))
        const program = programs.start(process.execPath, ['src/main.ts'], {
          ...own,
          ...Object.fromEntries(paths.map(([name, path]) => [name, join(secrets, basename(path))])),
          LINE_CHANNEL_ID: web.id,
          LINE_API_URL: emulator.url,
          LINE_ACCESS_URL: emulator.url,
          LINE_TIMEOUT_MS: '60000',
          HOST: '127.0.0.1',
          PORT: `${port}`,
          METRICS_PORT: '0',
          SHUTDOWN_DELAY_SECONDS: '0',
        })
        await program.printed(/"listening"/)
        const name = () => ask(`http://127.0.0.1:${port}`, emulator.issueTokens().accessToken)
        expect(await name()).toBe('Sakura Tanaka')
        const shared = async () => {
          await name()
          return redis.command('dbsize')
        }
        const probes = new Set(
          [...deployText(kubernetes).matchAll(/httpGet: \{ path: (\S+),/g)].map(([, path]) => path),
        )
        expect([...probes].sort()).toEqual(['/health', '/ready'])
        for (const path of probes) expect((await fetch(`http://127.0.0.1:${port}${path}`)).status).toBe(200)
        const metricsUrl = /"metricsUrl":"(http:[^"]+)"/.exec(program.out())?.[1] ?? ''
        await expect
          .poll(async () => (await fetch(`${metricsUrl}/metrics`)).text(), { timeout: 30_000 })
          .toMatch(/^gateway_redis_up\S* [12]$/m)
        // What a process is asked before it reaches Redis is not in there.
        await expect.poll(shared, { timeout: 30_000 }).toBeGreaterThan(0)
        expect(await redis.command('config', 'get', 'maxmemory-policy')).toContain('noeviction')
        expect(await redis.command('config', 'get', 'maxmemory')).toContain(`${768 * 2 ** 20}`)
        program.kill()
        expect(await program.ended).toBe(0)
        expect(program.out()).not.toMatch(/"level":(?:50|60|"error"|"fatal")/)

        if (file !== compose) return
        await redis.command('acl', 'setuser', 'default', 'off')
        expect(redisHealth(redis.port)).toBe(0)
        await redis.kill()
        expect(redisHealth(redis.port)).toBe(1)
      },
    )

    /** What Redis gets in the file, with the users that its comment makes. The default user is on, because the test looks in. */
    function redisArguments(file: typeof kubernetes | typeof compose): string[] {
      const made = join(secrets, 'made')
      mkdirSync(made)
      runComment(file, made)
      const users = readFileSync(
        join(made, file === compose ? 'secrets' : 'line-graphql-gateway-redis', 'users.acl'),
        'utf8',
      )
      expect(users).toContain('user default off')
      writeFileSync(join(secrets, 'users.acl'), users.replace('default off', 'default on nopass ~* &* +@all'))
      const { args, command, resources, mem_limit: limit = resources?.limits.memory } = redisIn(file)
      const [, ...rest] = args ?? command
      const megabytes = (size: string) => Number.parseInt(size, 10) * (/g/i.test(size) ? 1024 : 1)
      expect(megabytes(rest[rest.indexOf('--maxmemory') + 1])).toBeLessThanOrEqual(megabytes(limit) * dataOfMemory)
      return rest.map((one: string) => (one.startsWith('/run/secrets/') ? join(secrets, basename(one)) : one))
    }

    /** The exit code of the health check of compose. */
    function redisHealth(port: number): number | null {
      const [, check] = redisIn(compose).healthcheck.test
      return spawnSync('sh', ['-c', check.replace('redis-cli', `redis-cli -p ${port}`)], { stdio: 'ignore' }).status
    }

    function redisIn(file: typeof kubernetes | typeof compose) {
      if (file === compose) return validators.parseYaml(deployText(compose)).services.redis
      const texts = deployText(kubernetes).split(/^---$/m)
      const text = texts.find((one) => one.includes('kind: Deployment') && one.includes('redis-server')) ?? ''
      return validators.parseYaml(text).spec.template.spec.containers[0]
    }
  })
})

/** Tests that need systemd's own checker. Where it is missing they are skipped, and the output gives the reason. */
function describeWithSystemd(tests: () => void): void {
  try {
    execFileSync('systemd-analyze', ['--version'], { stdio: 'ignore' })
    describe(service, tests)
  } catch {
    const reason = `systemd-analyze is not installed: skipped ${service}`
    process.stderr.write(`${reason}\n`)
    describe.skip(reason, tests)
  }
}
