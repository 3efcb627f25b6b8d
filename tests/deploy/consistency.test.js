/* The same number in two files is the same number, and one that has to be larger is. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { BINARY } from '../e2e/lib/roomd.js'
import { ROOT, manifests, read, readEnv, readYaml, run, seconds } from './lib/files.js'

const REST_S = 12 // of a stop, beyond delay and spread
const version = /version: '([\d.]+)'/.exec(readFileSync(join(ROOT, 'meson.build'), 'utf8'))[1]
const portOf = (address) => Number(address.split(':').at(-1))
const unit = Object.fromEntries(
  read('systemd/roomd.service')
    .split('\n')
    .map((line) => /^(\w+)=(.*)$/.exec(line)?.slice(1))
    .filter(Boolean),
)
const kubernetes = Object.fromEntries(manifests().map(({ object }) => [object.kind, object]))
const pod = kubernetes.Deployment.spec.template.spec
const compose = readYaml('compose.yaml')
const envs = {
  systemd: readEnv('systemd/roomd.env', true),
  kubernetes: readEnv('kubernetes/roomd.env'),
  compose: readEnv('.env.example'),
}

test('the version is that of the build', () => {
  const [{ newTag }] = readYaml('kubernetes/kustomization.yaml').images
  assert.equal(String(newTag), version)
  assert.equal(envs.compose.ROOMD_IMAGE, `roomd:${version}`)
  for (const file of ['Dockerfile', 'compose.yaml', 'README.md']) {
    const tags = [...read(file).matchAll(/\broomd:(\d[\d.]*\d)/g)].map(([, tag]) => tag)
    assert.deepEqual(
      tags.filter((tag) => tag !== version),
      [],
      file,
    )
  }
})

test('ports are the same everywhere', () => {
  const [clients, admin, cluster] = [8080, 9090, 7946]
  assert.deepEqual(
    [...read('Dockerfile').matchAll(/^EXPOSE (.*)$/gm)][0][1],
    `${clients} ${admin} ${cluster}`,
  )
  assert.match(read('Dockerfile'), new RegExp(`ROOMD_LISTEN=0\\.0\\.0\\.0:${clients} `))
  assert.match(read('Dockerfile'), new RegExp(`ROOMD_ADMIN=0\\.0\\.0\\.0:${admin} `))
  for (const env of [envs.systemd, envs.kubernetes]) {
    assert.deepEqual([env.ROOMD_LISTEN, env.ROOMD_ADMIN, env.ROOMD_CLUSTER_LISTEN].map(portOf), [
      clients,
      admin,
      cluster,
    ])
  }
  for (const name of ['roomd-1', 'roomd-2', 'roomd-3']) {
    const { environment } = compose.services[name]
    assert.equal(portOf(environment.ROOMD_CLUSTER_LISTEN), cluster)
    assert.equal(environment.ROOMD_ADVERTISE, name)
    assert.ok(read('haproxy.cfg').includes(`${name}:${clients}`), `haproxy.cfg: ${name}`)
    assert.ok(read('nginx.conf').includes(`server ${name}:${clients} `), `nginx.conf: ${name}`)
    assert.ok(read('prometheus/prometheus.yml').includes(`${name}:${admin}`), `prometheus.yml: ${name}`)
  }
  const ports = Object.fromEntries(
    pod.containers[0].ports.map(({ name, containerPort }) => [name, containerPort]),
  )
  assert.deepEqual(ports, { clients, admin, cluster })
  assert.equal(kubernetes.Deployment.spec.template.metadata.annotations['prometheus.io/port'], String(admin))
})

test('the network lets nodes at all ports of each other', () => {
  const ports = kubernetes.NetworkPolicy.spec.ingress.flatMap(({ ports }) => ports)
  const { port, endPort } = ports.find((range) => range.endPort)
  assert.equal(port, portOf(envs.kubernetes.ROOMD_CLUSTER_LISTEN))
  assert.ok(endPort >= port + 2 * Number(envs.kubernetes.ROOMD_WORKERS) - 1)
})

test('a stop has the time that it may take', () => {
  for (const [name, env] of Object.entries(envs)) {
    const [delay, spread, timeout] = ['DELAY', 'SPREAD', 'TIMEOUT'].map((what) =>
      Number(env[`ROOMD_STOP_${what}`]),
    )
    assert.ok(delay + spread + REST_S <= timeout, name)
    const grace = {
      systemd: unit.TimeoutStopSec,
      kubernetes: pod.terminationGracePeriodSeconds,
      compose: env.STOP_GRACE,
    }
    assert.ok(seconds(grace[name]) >= timeout + 5, `${name}: ${grace[name]} for ${timeout}`)
  }
})

test('a node that stops is seen to by HAProxy before it sends anybody away', () => {
  const [, inter, fall] = /check inter (\d+)s .*fall (\d+)/.exec(read('haproxy.cfg'))
  for (const [name, env] of Object.entries(envs)) {
    assert.ok(Number(env.ROOMD_STOP_DELAY) > Number(inter) * Number(fall), name)
  }
})

test('numbers that are said elsewhere are those of the files', () => {
  const [, descriptors] = /roomd_process_open_fds > (\d+)/.exec(read('prometheus/alerts.yml'))
  assert.ok(Number(descriptors) < Number(unit.LimitNOFILE), 'the alert comes before the limit')
  const [, lag] = /^min-replicas-max-lag (\d+)$/m.exec(read('redis/redis.conf'))
  assert.match(read('README.md'), new RegExp(`\`min-replicas-max-lag\` says \\(${lag} there`))
})

test('manifests fit each other', () => {
  const labels = kubernetes.Deployment.spec.template.metadata.labels
  const selectors = {
    deployment: kubernetes.Deployment.spec.selector.matchLabels,
    service: kubernetes.Service.spec.selector,
    budget: kubernetes.PodDisruptionBudget.spec.selector.matchLabels,
    policy: kubernetes.NetworkPolicy.spec.podSelector.matchLabels,
    spread: pod.topologySpreadConstraints[0].labelSelector.matchLabels,
  }
  for (const [name, selector] of Object.entries(selectors)) {
    assert.deepEqual(selector, labels, name)
  }
  const [container] = pod.containers
  assert.equal(container.readinessProbe.httpGet.path, '/readyz')
  for (const probe of ['startupProbe', 'livenessProbe']) {
    assert.equal(container[probe].httpGet.path, '/healthz', 'nobody is killed because Redis is away, or the node drains')
  }
  const ports = container.ports.map(({ name }) => name)
  const used = [
    ...['startupProbe', 'readinessProbe', 'livenessProbe'].map((probe) => container[probe].httpGet.port),
    ...kubernetes.Service.spec.ports.map(({ targetPort }) => targetPort),
    ...kubernetes.NetworkPolicy.spec.ingress
      .flatMap(({ ports }) => ports.map(({ port }) => port))
      .filter((port) => typeof port === 'string'),
  ]
  assert.deepEqual(
    used.filter((port) => !ports.includes(port)),
    [],
  )
  assert.deepEqual(
    container.volumeMounts.map(({ name }) => name),
    pod.volumes.map(({ name }) => name),
  )
  const secretFile = container.env.find(({ name }) => name === 'ROOMD_CLUSTER_SECRET_FILE').value
  const mount = container.volumeMounts.find(({ name }) => name === 'cluster').mountPath
  assert.equal(secretFile, `${mount}/secret`)
  const target = kubernetes.HorizontalPodAutoscaler.spec.scaleTargetRef
  assert.deepEqual([target.kind, target.name], ['Deployment', kubernetes.Deployment.metadata.name])
  const backend = kubernetes.Ingress.spec.rules[0].http.paths[0].backend.service
  assert.equal(backend.name, kubernetes.Service.metadata.name)
  assert.ok(kubernetes.Service.spec.ports.some(({ name }) => name === backend.port.name))
  const names = ['roomd-redis', 'roomd-cluster']
  for (const name of names) {
    assert.ok(read('kubernetes/kustomization.yaml').includes(`create secret generic ${name} `), name)
  }
  assert.equal(container.env.find(({ name }) => name === 'ROOMD_REDIS').valueFrom.secretKeyRef.name, names[0])
  assert.equal(pod.volumes.find(({ name }) => name === 'cluster').secret.secretName, names[1])
})

test('kustomization.yaml names the files that there are', () => {
  const text = read('kubernetes/kustomization.yaml')
  for (const { name } of manifests()) {
    assert.ok(text.includes(`- ${name}`), name)
  }
  const { resources, configMapGenerator } = readYaml('kubernetes/kustomization.yaml')
  assert.deepEqual(
    resources.filter((name) => !manifests().some((manifest) => manifest.name === name)),
    [],
  )
  assert.equal(configMapGenerator[0].name, pod.containers[0].envFrom[0].configMapRef.name)
})

describe('containers', () => {
  test('run as the user that the image makes', () => {
    const [, user, group] = /^USER (\d+):(\d+)$/m.exec(read('Dockerfile'))
    assert.ok(read('Dockerfile').includes(`--uid ${user} `))
    const { runAsUser, runAsGroup, fsGroup } = pod.securityContext
    assert.deepEqual([runAsUser, runAsGroup, fsGroup], [user, group, group].map(Number))
  })

  test('have the packages whose libraries the programs need', async () => {
    const programs = [
      'roomd/roomd',
      'gateway/roomd-gateway',
      'worker/roomd-worker',
      'script/roomd-script',
      'roomctl/roomctl',
    ]
    const { output: cache } = await run('ldconfig', ['-p'])
    const { output: listed } = await run('bash', ['-c', '. deploy/packages.sh && echo "$package_list"'])
    const image = new Set(
      listed
        .split('\n')
        .filter((line) => /^(image|run)/.test(line))
        .flatMap((line) => line.split(/\s+/)[1].split('|')),
    )
    const needed = new Set()
    for (const program of programs) {
      const { output } = await run('objdump', ['-p', join(dirname(BINARY), '..', program)])
      for (const [, name] of output.matchAll(/NEEDED +(\S+)/g)) {
        needed.add(name)
      }
    }
    needed.delete('libc.so.6')
    assert.ok(needed.size > 5)
    /* dpkg knows a file by the path that its package has it under, with or without /usr. */
    const { output: owners } = await run('dpkg', ['-S', ...[...needed].map((name) => `*/${name}`)])
    for (const name of needed) {
      assert.ok(cache.includes(`${name} `), name)
      const lines = owners.split('\n').filter((line) => line.endsWith(`/${name}`))
      const packages = lines.map((line) => line.split(':')[0])
      assert.ok(
        packages.some((one) => image.has(one)),
        `${name} is of ${packages}, which is no package of the image`,
      )
    }
  })
})
