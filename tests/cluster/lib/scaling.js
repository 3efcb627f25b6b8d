/* Nodes are added and stopped under those who draw: 2, 3, 4, 3, 2. On the way up nobody's socket is closed,
 * on the way down only those of the node that stops. */
const CLOSE_SERVICE_RESTART = 1012
const STOP_MS = 3000 // for a client to come back, and be measured

async function add(stage) {
  const node = stage.nodes.all.find(({ isUp }) => !isUp)
  const count = stage.nodes.up.length
  return stage.step(
    `${count} nodes and one more`,
    async () => {
      await node.start()
      await stage.balancer.learn(node.name, node.address)
      await stage.balancer.knows(count + 1)
    },
    { watchMs: STOP_MS },
  )
}

/* As an operator stops a node: its rooms go to the others, and then its clients. `then`: in its place. */
export async function stopGently(stage, node, name, then = async () => {}) {
  const here = await node.connections()
  const cause = 'its node was stopped'
  const allow = [{ cause, code: CLOSE_SERVICE_RESTART, joined: true, most: here, within: 500 }]
  const step = await stage.step(
    name,
    async () => {
      const code = await node.stop()
      code === 0 || stage.report.wrong('node', `${node.name} ended with ${code} when it was stopped`)
      const left = (await stage.redis.owners(stage.rooms)).filter((owner) => owner?.node === node.id).length
      left === 0 || stage.report.wrong('scaling', `${name}: it kept ${left} rooms`)
      await then()
    },
    { allow, of: node, watchMs: STOP_MS },
  )
  if (step.ends.length > here) {
    stage.report.wrong('scaling', `${name}: ${step.ends.length} sockets closed, and ${here} were at ${node.name}`)
  }
  return step
}

export async function remove(stage) {
  const node = await stage.busiest()
  return stopGently(stage, node, `${stage.nodes.up.length} nodes, one is stopped`)
}

export async function scaling(stage) {
  for (let n = 0; n < 2; n++) {
    const { ends } = await add(stage)
    ends.length === 0 || stage.report.wrong('scaling', `${ends.length} sockets were closed when a node was added`)
    await stage.mix()
  }
  await remove(stage)
  await remove(stage)
  await stage.check()
}
