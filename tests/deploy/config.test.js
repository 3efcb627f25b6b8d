/* Configuration files are such that the programs which read them take them. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { isRunning, startProcess } from '../e2e/lib/processes.js'
import { BINARY, removeFolder, temporaryFolder } from '../e2e/lib/roomd.js'
import { soon, until } from '../e2e/lib/wait.js'
import { DEPLOY, ROOT, manifests, read, readYaml, run } from './lib/files.js'
import { nginxArgs, nginxConf } from './lib/balancer.js'
import { freePorts } from './lib/ports.js'

const EXPOSURE_MAX = 1.5 // systemd's own measure, 0 to 10

const { validate: validateDockerfile } = createRequire(import.meta.url)('dockerfile-utils')

async function withFolder(body) {
  const folder = await temporaryFolder()
  try {
    await body(folder)
  } finally {
    await removeFolder(folder)
  }
}

describe('configuration', { concurrency: true }, () => {
  for (const affinity of [false, true]) {
    test(`haproxy.cfg${affinity ? ' with room affinity' : ''}`, () =>
      withFolder(async (folder) => {
        const path = join(folder, 'haproxy.cfg')
        const text = read('haproxy.cfg')
        const other = text
          .replace('    balance leastconn\n', '')
          .replace(/^ {4}#(balance|hash-type|hash-balance-factor) /gm, '    $1 ')
        assert.notEqual(text, other)
        await writeFile(path, affinity ? other : text)
        const names = Object.fromEntries([1, 2, 3].map((i) => [`ROOMD_${i}`, `127.0.0.1:${i}`]))
        const { code, output } = await run('haproxy', ['-c', '-n', '1000', '-f', path], {
          env: { ...process.env, ...names },
        })
        assert.equal(code, 0, output)
        assert.doesNotMatch(output, /WARNING|ALERT/)
      }))

    test(`nginx.conf${affinity ? ' with room affinity' : ''}`, () =>
      withFolder(async (folder) => {
        const path = join(folder, 'nginx.conf')
        const text = nginxConf(folder).replace(/roomd-\d:/g, '127.0.0.1:')
        const other = text.replace('        least_conn;\n', '').replace('#hash $uri', 'hash $uri')
        assert.notEqual(text, other)
        await writeFile(path, affinity ? other : text)
        const { code, output } = await run('nginx', ['-t', ...nginxArgs(path)])
        assert.equal(code, 0, output)
        assert.doesNotMatch(output, /\[(warn|emerg|error)\]/)
      }))
  }

  test('systemd/roomd.service', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'roomd.service')
      await writeFile(path, read('systemd/roomd.service').replace('/usr/bin/roomd', BINARY))
      const verified = await run('systemd-analyze', ['verify', '--man=no', path])
      assert.equal(verified.code, 0, verified.output)
      assert.doesNotMatch(verified.output, /roomd\.service/, 'no warnings about it')
      const { output } = await run('systemd-analyze', ['security', '--offline=true', path])
      const [, exposure] = /exposure level for roomd\.service: ([\d.]+)/.exec(output)
      assert.ok(Number(exposure) <= EXPOSURE_MAX, output)
      assert.ok(
        read('README.md').includes(`exposure level of ${exposure}`),
        `deploy/README.md: it is ${exposure}`,
      )
    }))

  test('compose.yaml', async () => {
    const path = join(DEPLOY, 'compose.yaml')
    const runs = [['--env-file', join(DEPLOY, '.env.example')], []].map((env) =>
      run('docker-compose', [...env, '-f', path, 'config'], { cwd: DEPLOY }),
    )
    for (const { code, output } of await Promise.all(runs)) {
      assert.equal(code, 0, output)
      assert.doesNotMatch(output, /variable is not set/i)
    }
    const { services, volumes } = readYaml('compose.yaml')
    for (const [name, service] of Object.entries(services)) {
      for (const volume of service.volumes ?? []) {
        const [source] = volume.split(':')
        if (source.startsWith('.')) {
          await readFile(join(DEPLOY, source)).catch((error) =>
            assert.equal(error.code, 'EISDIR', `${name}: ${source}`),
          )
        } else {
          assert.ok(source in volumes, `${name}: ${source}`)
        }
      }
      const after = Array.isArray(service.depends_on)
        ? service.depends_on
        : Object.keys(service.depends_on ?? {})
      assert.deepEqual(
        after.filter((other) => !(other in services)),
        [],
        name,
      )
    }
  })

  test('prometheus', async () => {
    const { code, output } = await run('promtool', [
      'check',
      'config',
      join(DEPLOY, 'prometheus/prometheus.yml'),
    ])
    assert.equal(code, 0, output)
    const tested = await run('promtool', ['test', 'rules', join(ROOT, 'tests/deploy/alerts.test.yml')])
    assert.equal(tested.code, 0, tested.output)
  })

  test('Dockerfile', async () => {
    const problems = validateDockerfile(read('Dockerfile'))
    assert.deepEqual(
      problems.map(({ range, message }) => `${range.start.line + 1}: ${message}`),
      [],
    )
    const ignored = (await readFile(join(ROOT, '.dockerignore'), 'utf8')).split('\n')
    for (const [, source] of read('Dockerfile').matchAll(/\b(deploy\/\S+\.(?:sh|schema))\b/g)) {
      assert.ok(ignored.includes(`!${source}`), `.dockerignore keeps ${source} away`)
    }
  })

  for (const { name, object } of manifests()) {
    test(`kubernetes/${name}`, async () => {
      const [group, version] = object.apiVersion.includes('/')
        ? object.apiVersion.split('/')
        : ['', object.apiVersion]
      const path = group ? `${group}/${version}` : version
      const module = await import(`kubernetes-models/${path}/${object.kind}`)
      new module[object.kind](object).validate()
    })
  }

  test('redis.conf and sentinel.conf run a primary, a replica and a Sentinel that knows both', () =>
    withFolder(async (folder) => {
      const [primary, replica, sentinel] = await freePorts(3)
      const started = []
      const start = async (name, args) => {
        const own = ['--port', String(args.port), '--dir', folder, '--bind', '127.0.0.1']
        const child = startProcess('redis-server', [args.file, ...own, ...args.more], { stdio: 'ignore' })
        started.push(child)
        await until(name, async () => /PONG/.test((await run('redis-cli', ['-p', args.port, 'ping'])).output))
      }
      const conf = join(DEPLOY, 'redis/redis.conf')
      try {
        await start('the primary', { file: conf, port: primary, more: ['--appenddirname', 'one'] })
        const refused = await run('redis-cli', ['-p', primary, 'set', 'a', '1'])
        assert.match(refused.output, /NOREPLICAS/, 'not without a replica')
        const more = ['--appenddirname', 'two', '--replicaof', '127.0.0.1', String(primary)]
        await start('the replica', { file: conf, port: replica, more })
        const path = join(folder, 'sentinel.conf')
        await writeFile(
          path,
          read('redis/sentinel.conf').replace('rooms redis-1 6379', `rooms 127.0.0.1 ${primary}`),
        )
        await start('the Sentinel', { file: path, port: sentinel, more: ['--sentinel'] })
        await until('a write taken', async () =>
          /OK/.test((await run('redis-cli', ['-p', primary, 'set', 'a', '1'])).output),
        )
        await until('the replica known', async () =>
          (await run('redis-cli', ['-p', sentinel, 'sentinel', 'replicas', 'rooms'])).output.includes(
            String(replica),
          ),
        )
        const policy = await run('redis-cli', ['-p', primary, 'config', 'get', 'maxmemory-policy'])
        assert.match(policy.output, /noeviction/)
      } finally {
        for (const child of started.reverse()) {
          if (isRunning(child)) {
            const gone = new Promise((resolve) => child.once('exit', resolve))
            child.kill('SIGKILL')
            await soon('the end of a redis-server', gone)
          }
        }
      }
      assert.match(
        readYaml('compose.yaml')['x-roomd-environment'].ROOMD_REDIS,
        /\/rooms$/,
        'by the same name',
      )
    }))
})
