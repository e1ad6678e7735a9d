import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts'
import { web } from '../harness/channels.ts'
import { deployFiles, deployText, environmentIn, redisUserIn } from '../harness/deploy-files.ts'
import { deployValidators } from '../harness/deploy-validators.ts'
import { freePort } from '../harness/free-port.ts'
import { project, usePrograms } from '../harness/programs.ts'
import { describeWithRedis, useRedis } from '../harness/redis.ts'
import { describeWithPackages, installPackages } from '../harness/test-packages.ts'
import { ask } from '../harness/workers.ts'

const packages = await installPackages('test/long/deploy-files')
const [kubernetes, compose, service] = deployFiles

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

    it('the labels, ports, volumes and names that refer to each other exist', () => {
      const objects = text.split(/^---$/m).map((one) => validators.parseYaml(one))
      const named = (kind: string) => objects.filter((one) => one.kind === kind)
      const pods = named('Deployment').map(({ spec }) => spec.template)
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
        const mounts = container.volumeMounts.map(({ name }: { name: string }) => name)
        expect(mounts).toEqual(spec.volumes.map(({ name }: { name: string }) => name))
        const probes = [container.readinessProbe, container.livenessProbe]
        const ports = container.ports.map(({ name }: { name: string }) => name)
        for (const { httpGet, tcpSocket } of probes) expect(ports).toContain((httpGet ?? tcpSocket).port)
      }
      expect(text).toContain(`redis://gateway:PASSWORD@${named('Service')[1]?.metadata.name}:6379`)
      expect(pods[0].spec.containers[0].envFrom[0].configMapRef.name).toBe(named('ConfigMap')[0]?.metadata.name)
      const paths = Object.values(environmentIn(kubernetes)).filter((value) => value.startsWith('/run/'))
      const folders = pods[0].spec.containers[0].volumeMounts.map(({ mountPath }: { mountPath: string }) => mountPath)
      for (const path of paths) expect(folders).toContain(path.slice(0, path.lastIndexOf('/')))
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

    it('every secret that a service uses is defined', () => {
      const { services, secrets } = validators.parseYaml(text)
      const used = [...services.gateway.secrets, ...services.redis.secrets]
      expect(used.sort()).toEqual(Object.keys(secrets).sort())
      const paths = Object.values(environmentIn(compose)).filter((value) => value.startsWith('/run/'))
      expect(paths.map((path) => basename(path)).filter((name) => !services.gateway.secrets.includes(name))).toEqual([])
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
        expect(await ask(`http://127.0.0.1:${port}`, emulator.issueTokens().accessToken)).toBe('Sakura Tanaka')
        const probes = new Set(
          [...deployText(kubernetes).matchAll(/httpGet: \{ path: (\S+),/g)].map(([, path]) => path),
        )
        expect([...probes].sort()).toEqual(['/health', '/ready'])
        for (const path of probes) expect((await fetch(`http://127.0.0.1:${port}${path}`)).status).toBe(200)
        const metricsUrl = /"metricsUrl":"(http:[^"]+)"/.exec(program.out())?.[1] ?? ''
        await expect
          .poll(async () => (await fetch(`${metricsUrl}/metrics`)).text(), { timeout: 30_000 })
          .toMatch(/^gateway_redis_up\S* [12]$/m)
        expect(await redis.command('dbsize')).toBeGreaterThan(0)
        expect(await redis.command('config', 'get', 'maxmemory-policy')).toContain('noeviction')
        expect(await redis.command('config', 'get', 'maxmemory')).toContain(`${768 * 2 ** 20}`)
        program.kill()
        expect(await program.ended).toBe(0)
        expect(program.out()).not.toMatch(/"level":(?:50|60|"error"|"fatal")/)
      },
    )

    /** What Redis gets in the file, with the user of its comment. The default user is on, because the test looks in. */
    function redisArguments(file: typeof kubernetes | typeof compose): string[] {
      expect(deployText(file)).toContain('user default off')
      writeFileSync(join(secrets, 'users.acl'), `user default on nopass ~* &* +@all\nuser ${redisUserIn(file)}\n`)
      const { args, command } = redisIn(file)
      const [, ...rest] = args ?? command
      return rest.map((one: string) => (one.startsWith('/run/secrets/') ? join(secrets, basename(one)) : one))
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
