/* A rolling upgrade: the nodes that run speak an older version of the link, and are replaced by this build, one
 * after the other, under those who draw. */
import { stopGently } from './scaling.js'

/* How nodes are started that are to be upgraded: another build, or this one as if it were older. */
export function olderBuild({ older }) {
  return older ? { program: older } : { args: ['--link-version-max', '1'] }
}

export async function upgrade(stage) {
  for (const [i, node] of [...stage.nodes.up].entries()) {
    i > 0 && (await stage.mix()) // whoever was at the last one is at this one now
    await stopGently(stage, node, `${node.name} of an older build is replaced`, async () => {
      await node.start()
      await stage.balancer.knows(stage.nodes.up.length)
    })
  }
  await stage.check()
}
